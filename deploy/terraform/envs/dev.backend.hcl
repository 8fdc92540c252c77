# The bucket and its region come from deploy.sh: they bear the account's number.
key          = "codesync/dev.tfstate"
encrypt      = true
use_lockfile = true
