# deploy.sh adds the bucket and its region, which contain the account number.
key          = "codesync/prod.tfstate"
encrypt      = true
use_lockfile = true
