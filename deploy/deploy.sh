#!/usr/bin/env bash
# Brings an environment to an image: plan, apply, site, invalidation, smoke test. A step that fails stops it.
set -euo pipefail

usage() {
  cat >&2 <<'USAGE'
usage: deploy/deploy.sh [--rollback | --plan] <environment> <region> [domain]

  --rollback            goes back to the image that was deployed before
  --plan                only says what would change, with the image that runs
  CODESYNC_IMAGE        repository@sha256:... to deploy; by default the image of this commit
  CODESYNC_YES=1        applies without asking
  CODESYNC_HOME_REGION  where bootstrap put state, images and secrets; by default the region
  TF_VAR_...            what else variables.tf lists, such as TF_VAR_hosted_zone_id
USAGE
  exit 2
}

mode=deploy
case "${1:-}" in
  --rollback | --plan)
    mode=${1#--}
    shift
    ;;
esac
if [ $# -lt 2 ] || [ $# -gt 3 ]; then usage; fi
environment=$1 region=$2 domain=${3:-}
# Certificates and records are made for a domain. The variable may be set for all environments, some of which have none.
[ -n "$domain" ] || unset TF_VAR_hosted_zone_id
home_region=${CODESYNC_HOME_REGION:-$region}
folder=$(cd "$(dirname "$0")" && pwd)
[ -f "$folder/terraform/envs/$environment.tfvars" ] || { echo "There is no envs/$environment.tfvars." >&2; exit 2; }

say() { printf '\n==> %s\n' "$*" >&2; }
tf() { terraform -chdir="$folder/terraform" "$@"; }
home() { aws --region "$home_region" "$@"; }
# The images that passed their smoke test, oldest first.
history_name=/codesync/$environment/image
recorded() { home ssm get-parameter-history --name "$history_name" --query 'Parameters[].Value' --output text | tr '\t' '\n'; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say "Initialising Terraform for $environment"
account=$(aws sts get-caller-identity --query Account --output text)
tf init -input=false -reconfigure -backend-config="envs/$environment.backend.hcl" \
  -backend-config="bucket=codesync-state-$account-$home_region" -backend-config="region=$home_region"

say "Choosing the image"
if [ "$mode" = plan ]; then
  # An environment that was never deployed runs none.
  image=$(tf output -raw image 2>/dev/null) || image=$account.dkr.ecr.$home_region.amazonaws.com/codesync@sha256:$(printf '%064d' 0)
elif [ "$mode" = rollback ]; then
  running=$(tf output -raw image)
  image=$(recorded | grep -vxF "$running" | tail -n 1) || { echo "No image was deployed before." >&2; exit 1; }
elif [ -n "${CODESYNC_IMAGE:-}" ]; then
  image=$CODESYNC_IMAGE
else
  repository=$(home ecr describe-repositories --repository-names codesync --query 'repositories[0].repositoryUri' --output text)
  commit=$(git -C "$folder" rev-parse HEAD)
  digest=$(home ecr describe-images --repository-name codesync --image-ids "imageTag=$commit" --query 'imageDetails[0].imageDigest' --output text)
  image=$repository@$digest
fi
echo "$image" >&2

secret() { home secretsmanager describe-secret --secret-id "codesync/$environment/$1" --query "$2" --output text; }
jwt=$(secret jwt ARN)
redis=$(secret redis ARN)
key=$(home kms describe-key --key-id alias/codesync-secrets --query KeyMetadata.Arn --output text)

say "Planning"
plan=(plan -input=false "-var-file=envs/$environment.tfvars" "-var=region=$region" "-var=image=$image" "-var=domain_name=$domain"
  "-var=jwt_secret_arn=$jwt" "-var=redis_secret_arn=$redis" "-var=secrets_key_arn=$key")
if [ "$mode" = plan ]; then
  # A role that may only read may not lock the state either.
  tf "${plan[@]}" -lock=false
  exit
fi
tf "${plan[@]}" -out="$work/plan"
if [ "${CODESYNC_YES:-}" != 1 ]; then
  read -r -p "Apply? (yes) " answer
  [ "$answer" = yes ] || exit 1
fi

# Returns once the services run as many tasks as they should, which may be the old ones: if the new tasks do not become ready, ECS
# rolls back.
say "Applying"
tf apply -input=false "$work/plan"

# Before anything is published or recorded: the old tasks would pass the smoke test.
say "Comparing the services with what was asked for"
cluster=$(tf output -raw cluster_name)
services=$(tf output -raw task_definitions)
while read -r service wanted; do
  for _ in {1..60}; do
    runs=$(aws --region "$region" ecs describe-services --cluster "$cluster" --services "$service" \
      --query "services[0].[taskDefinition, deployments[?status=='PRIMARY'].rolloutState | [0]]" --output text | tr '\t' ' ')
    [ "$runs" = "$wanted IN_PROGRESS" ] || break
    sleep 10
  done
  if [ "$runs" != "$wanted COMPLETED" ]; then
    echo "$service does not run $wanted but: $runs. It was rolled back, or its tasks are not ready. Nothing was published or recorded." >&2
    exit 1
  fi
  echo "$service runs $wanted" >&2
done <<< "$services"
bucket=$(tf output -raw frontend_bucket_name)
distribution=$(tf output -raw cloudfront_id)
url=$(tf output -raw cloudfront_url)

# The site is taken from the image, so that the two match, after a rollback too. Files before the page that names
# them; the files of older pages stay, because those pages are still open somewhere.
say "Publishing the site"
home ecr get-login-password | docker login --username AWS --password-stdin "${image%%/*}"
container=$(docker create "$image")
docker cp "$container:/site" "$work/site"
docker rm "$container" >/dev/null
aws --region "$region" s3 sync "$work/site" "s3://$bucket" --exclude 'assets/*' --exclude index.html --cache-control no-cache
aws --region "$region" s3 sync "$work/site/assets" "s3://$bucket/assets" --cache-control 'public, max-age=31536000, immutable'
aws --region "$region" s3 cp "$work/site/index.html" "s3://$bucket/index.html" --cache-control no-cache

say "Invalidating the edge"
invalidation=$(aws cloudfront create-invalidation --distribution-id "$distribution" --paths '/*' --query Invalidation.Id --output text)
aws cloudfront wait invalidation-completed --distribution-id "$distribution" --id "$invalidation"

say "Asking whether it is healthy"
for path in /health /api/health /socket/health; do
  curl --fail --silent --show-error --max-time 10 --retry 12 --retry-delay 5 --retry-all-errors "$url$path" >/dev/null
  echo "$url$path is healthy" >&2
done

home ssm put-parameter --name "$history_name" --type String --overwrite --value "$image" >/dev/null
say "$environment runs $image at $url"
