#!/usr/bin/env bash
# Makes the image of a commit. `build` makes it for one architecture, on a machine of that architecture, with its
# SBOM and provenance; `join` makes one tag of the architectures. Existing tags are never moved.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: deploy/image.sh build <commit> <architecture> | join <commit> <architecture>..." >&2; exit 2; }
step=$1 commit=$2
shift 2
root=$(cd "$(dirname "$0")/.." && pwd)
repository=$(aws ecr describe-repositories --repository-names codesync --query 'repositories[0].repositoryUri' --output text)
aws ecr get-login-password | docker login --username AWS --password-stdin "${repository%%/*}"
has() { aws ecr describe-images --repository-name codesync --image-ids "imageTag=$1" > /dev/null 2>&1; }

case "$step" in
  build)
    if has "$commit-$1"; then exit 0; fi
    docker buildx use codesync > /dev/null 2>&1 || docker buildx create --use --name codesync > /dev/null
    docker buildx build --file "$root/deploy/Dockerfile" --platform "linux/$1" --sbom=true --provenance=mode=max \
      --label "org.opencontainers.image.revision=$commit" --tag "$repository:$commit-$1" --push "$root"
    ;;
  join)
    if has "$commit"; then exit 0; fi
    docker buildx imagetools create --tag "$repository:$commit" "${@/#/$repository:$commit-}"
    ;;
  *) echo "build or join, not $step" >&2; exit 2 ;;
esac
