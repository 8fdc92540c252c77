#!/usr/bin/env bash
# deploy.sh and image.sh with stand-ins for the programs that they call: the order of the steps, and that a failed one stops them.
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CALLS=$work/calls PATH=$work/bin:$PATH
digest() { printf 'sha256:%064d' "$1"; }
repository=123456789012.dkr.ecr.us-east-1.amazonaws.com/codesync

# Each records its call, fails on request, and answers like the real one.
mkdir "$work/bin"
cat > "$work/bin/stand-in" <<STAND_IN
#!/usr/bin/env bash
call="\$(basename "\$0") \$*"
if [[ "\$call" == *' plan '* ]]; then call="\$call zone=\${TF_VAR_hosted_zone_id-none}"; fi
echo "\$call" >> "\$CALLS"
if [ -n "\${FAIL_AT:-}" ] && [[ "\$call" == *"\$FAIL_AT"* ]]; then exit 1; fi
case "\$call" in
  *get-caller-identity*) echo 123456789012 ;;
  *describe-repositories*) echo $repository ;;
  *describe-images*'imageTag=made'*) ;;
  *describe-images*'imageTag=new'*) exit 1 ;;
  *describe-images*) echo $(digest 3) ;;
  *get-parameter-history*) printf '%s\t%s\n' $repository@$(digest 1) $repository@$(digest 2) ;;
  *describe-secret*) echo arn:aws:secretsmanager:us-east-1:123456789012:secret:mock ;;
  *describe-key*) echo arn:aws:kms:us-east-1:123456789012:key/mock ;;
  *'output -raw image') [ -z "\${NEW:-}" ] || exit 1; echo $repository@$(digest 2) ;;
  *'output -raw task_definitions') printf 'codesync-api task:%s\ncodesync-sync task:%s\n' 7 8 ;;
  *'describe-services'*codesync-api*)
    turn=\$((\$(cat "\$CALLS.turn" 2>/dev/null || echo 0) + 1))
    echo "\$turn" > "\$CALLS.turn"
    if [ "\$turn" -lt 3 ]; then printf 'task:7\tIN_PROGRESS\n'; else printf '%s\n' "\${API:-task:7	COMPLETED}"; fi ;;
  *'describe-services'*) printf '%s\n' "\${SYNC:-task:8	COMPLETED}" ;;
  *'output -raw cloudfront_url') echo https://codesync.example.com ;;
  *'output -raw'*) echo "of-\${call##* }" ;;
  docker\ create*) echo container ;;
  docker\ buildx\ use*) [ -e "\$CALLS.builder" ] ;;
  docker\ buildx\ create*) [ ! -e "\$CALLS.builder" ] && touch "\$CALLS.builder" ;;
  *create-invalidation*) echo invalidation ;;
esac
STAND_IN
chmod +x "$work/bin/stand-in"
for name in aws terraform docker curl sleep; do ln -s stand-in "$work/bin/$name"; done

fail() { echo "deploy.sh: $*" >&2; cat "$CALLS" "$work/said" >&2; exit 1; }
run() { : > "$CALLS"; rm -f "$CALLS.turn"; CODESYNC_YES=1 "$folder/deploy.sh" "$@" > "$work/said" 2>&1; }
# Succeeds if the calls contain these words in this order.
in_order() {
  local from=1 line word
  for word in "$@"; do
    line=$(tail -n "+$from" "$CALLS" | grep -nF -- "$word" | head -n 1 | cut -d: -f1) || true
    [ -n "$line" ] || fail "'$word' is missing, or comes too early"
    from=$((from + line))
  done
}
never() { if grep -qF -- "$1" "$CALLS"; then fail "'$1' was called"; fi; }

steps=(
  'get-caller-identity' 'init' 'describe-images' 'describe-secret --secret-id codesync/prod/jwt' 'plan' 'apply'
  'describe-services --cluster of-cluster_name --services codesync-api' 'describe-services --cluster of-cluster_name --services codesync-sync'
  'docker cp' 's3 sync' '/assets' 's3 cp' 'create-invalidation' 'invalidation-completed'
  'https://codesync.example.com/health' 'https://codesync.example.com/api/health' 'https://codesync.example.com/socket/health'
  'put-parameter'
)

run prod us-east-1 codesync.example.com || fail "failed"
in_order "${steps[@]}"
in_order "-backend-config=bucket=codesync-state-123456789012-us-east-1" "-var=image=$repository@$(digest 3)" "put-parameter --name /codesync/prod/image"
in_order '-var-file=envs/prod.tfvars -var=region=us-east-1' 's3://of-frontend_bucket_name' '--distribution-id of-cloudfront_id'
echo "deploy.sh: ${#steps[@]} steps in order"

# After any failed step no later step runs, and the image is not recorded as a good one.
for failing in "${!steps[@]}"; do
  if FAIL_AT=${steps[failing]} run prod us-east-1 codesync.example.com; then fail "went on after '${steps[failing]}' had failed"; fi
  [[ "$(tail -n 1 "$CALLS")" == *"${steps[failing]}"* ]] || fail "did something after '${steps[failing]}' had failed"
done
echo "deploy.sh: each of ${#steps[@]} failures stops it"

# ECS has rolled back: the old tasks run and are healthy, and the apply has succeeded.
for runs in $'task:6\tCOMPLETED' $'task:8\tFAILED' $'task:8\tIN_PROGRESS' None ''; do
  if SYNC=${runs:-None} run prod us-east-1 codesync.example.com; then fail "took '$runs' for what was asked for"; fi
  never 'docker create'
  never 's3'
  never 'put-parameter'
done
if API=$'task:6\tCOMPLETED' run prod us-east-1; then fail "took a rollback of the first service for success"; fi
never 'put-parameter'
echo 'deploy.sh: a rollback by ECS is noticed, nothing is published or recorded'

run --rollback prod us-east-1 codesync.example.com || fail "rollback failed"
in_order "-var=image=$repository@$(digest 1)" 'apply' "docker create $repository@$(digest 1)"
never 'describe-images'
echo 'deploy.sh: a rollback takes the image before'

run --plan dev us-east-1 || fail "plan failed"
in_order "-var=image=$repository@$(digest 2)"
in_order '-lock=false'
never ' apply'
never 'docker'
NEW=1 run --plan dev us-east-1 || fail "plan of a new environment failed"
in_order "-var=image=$repository@sha256:0"
echo 'deploy.sh: --plan changes nothing, and shows a new environment'

export TF_VAR_hosted_zone_id=Z1
run dev us-east-1 '' || fail "without a domain failed"
in_order 'zone=none'
run prod us-east-1 codesync.example.com || fail "with a domain failed"
in_order 'zone=Z1'
unset TF_VAR_hosted_zone_id
echo 'deploy.sh: a zone counts only with a domain'

CODESYNC_IMAGE=$repository@$(digest 7) run staging eu-west-1 || fail "a chosen image failed"
in_order 'envs/staging.backend.hcl' "-var=image=$repository@$(digest 7)"
if run nowhere us-east-1; then fail "took an environment that is not there"; fi
[ ! -s "$CALLS" ] || fail "called something for an environment that is not there"
echo 'deploy.sh: a chosen image, and an unknown environment'

image() { : > "$CALLS"; "$folder/image.sh" "$@" > "$work/said" 2>&1 || fail "image.sh $* failed"; }
for turn in first second; do
  image build new arm64
  in_order 'docker login' 'buildx build'
  in_order '--platform linux/arm64 --sbom=true --provenance=mode=max'
  in_order "--tag $repository:new-arm64 --push"
  echo "image.sh: builds on a machine for the $turn time"
done
never 'buildx create'
image join new amd64 arm64
in_order "imagetools create --tag $repository:new $repository:new-amd64 $repository:new-arm64"
for step in 'build made amd64' 'join made amd64 arm64'; do
  # shellcheck disable=SC2086 # the step and its arguments
  image $step
  never 'buildx'
done
echo 'image.sh: joins the architectures, and moves no existing tag'
