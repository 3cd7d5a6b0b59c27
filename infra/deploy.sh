#!/bin/sh
# Deploys the function: uploads its zip to the bucket of the stack that `make deploy-hub` creates, and updates the stack.
# With DRY=1, prints the AWS CLI commands. With the argument `check`, only checks the settings, before something is built.
set -eu

usage="usage: make deploy [ZIP=bootstrap.zip] [DISTRIBUTED=1] [DRY=1]
  ZIP           the function's zip, such as one of a release (default: build it)
  DISTRIBUTED   1: the schedule starts the state machine, for organizations that one invocation does not read in 15
                minutes; 0: it invokes the function
  SCHEDULE      when to run, such as 'cron(0 3 * * ? *)'
  EMAIL         address for summaries and alarms, or the word none
  KMS_KEY       ARN of the KMS key for the bucket's objects, or none for the key that AWS manages
  PARAMETERS    other parameters of infra/hub.yaml, such as 'MemorySize=2048 EphemeralStorageSize=2048'
  STACK         stack of infra/hub.yaml (default: rolecall-hub)
  HUB_PROFILE   AWS CLI profile for the hub account (default: hub)
  REGION        Region of the stack (default: us-east-1)
  DRY           1 prints the commands (default: run them)
What is not given stays as it is in the stack."

infra=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=infra/common.sh
. "$infra/common.sh"
ZIP=${ZIP:-} BUILT_ZIP=${BUILT_ZIP:-} DISTRIBUTED=${DISTRIBUTED:-} SCHEDULE=${SCHEDULE:-} EMAIL=${EMAIL:-} KMS_KEY=${KMS_KEY:-}
PARAMETERS=${PARAMETERS:-}
STACK=${STACK:-rolecall-hub} HUB_PROFILE=${HUB_PROFILE:-hub} REGION=${REGION:-us-east-1} DRY=${DRY:-0}
target=deploy action=${1:-} definition=$infra/sweep.asl.json
zip=${ZIP:-$BUILT_ZIP}
hub="--profile $HUB_PROFILE --region $REGION"

deploy() {
    find_bucket
    find_code
    say "the function and the definition of the state machine"
    upload "$code.zip" "$zip"
    upload "$code.asl.json" "$definition"
    set -- CodeKey="$code" Architecture="$(architecture)"
    case $DISTRIBUTED in
    0) set -- "$@" Distributed=false ;;
    1) set -- "$@" Distributed=true ;;
    esac
    [ -z "$SCHEDULE" ] || set -- "$@" ScheduleExpression="$SCHEDULE"
    [ -z "$EMAIL" ] || set -- "$@" NotificationEmail="$(unless_none "$EMAIL")"
    [ -z "$KMS_KEY" ] || set -- "$@" KmsKeyArn="$(unless_none "$KMS_KEY")"
    set -f # words, in which `*` is no pattern of files
    # shellcheck disable=SC2086
    set -- "$@" $PARAMETERS
    set +f
    # shellcheck disable=SC2086 # words
    step aws cloudformation deploy $hub --stack-name "$STACK" --template-file "$infra/hub.yaml" \
        --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset --parameter-overrides "$@"
    say "the outputs of the stack name the function, the state machine, the bucket and the topic"
}

# Sets $bucket; printed commands set it when they are run.
find_bucket() {
    # shellcheck disable=SC2086 # words
    set -- aws cloudformation describe-stacks $hub --stack-name "$STACK" \
        --query "Stacks[0].Outputs[?OutputKey=='BucketName'].OutputValue" --output text
    if [ "$RUN" = 0 ]; then
        bucket="\$bucket"
        say "the bucket that make deploy-hub created"
        printf "bucket=\$("
        print_command "$@"
        printf ')\n\n'
        return
    fi
    bucket=$("$@") || stop "stack '$STACK' cannot be read, see the error above; make deploy-hub creates it"
    case $bucket in
    '' | None) stop "stack '$STACK' has no bucket: it is of an older version; run make deploy-hub first" ;;
    esac
}

upload() {
    # shellcheck disable=SC2086 # words
    step aws s3api put-object $hub --bucket "$bucket" --key "$1" --body "$2"
}

# Sets $code, the beginning of both keys, from the checksum of both files: CloudFormation updates the function and the state
# machine when their keys change. Printed commands compute it, because they also build the zip.
find_code() {
    sum="shasum -a 256"
    if command -v sha256sum >/dev/null; then
        sum=sha256sum
    fi
    if [ "$RUN" = 0 ]; then
        code="\$code"
        say "the key of the code, from the checksum of the zip"
        # The command is printed, and not run here.
        # shellcheck disable=SC2016
        printf 'code=code/$(cat %s %s | %s | cut -c 1-16)\n\n' "$(quoted "$zip")" "$(quoted "$definition")" "$sum"
        return
    fi
    code=code/$(cat "$zip" "$definition" | $sum | cut -c 1-16)
}

# Of the program in the zip, from the header of its ELF file. What is not built yet is built for arm64.
architecture() {
    if [ -z "$ZIP" ] && [ "$RUN" = 0 ]; then
        printf arm64
        return
    fi
    case $(unzip -p "$zip" bootstrap 2>/dev/null | od -An -tx1 -j 18 -N 2) in
    *b7*00) printf arm64 ;;
    *3e*00) printf x86_64 ;;
    esac
}

check_settings() {
    email_error="EMAIL is '$EMAIL'; set it to an address, such as security@example.com, or to none"
    case $DRY in
    0) RUN=1 ;;
    1) RUN=0 ;;
    *) usage_error "DRY is '$DRY'; set DRY=1 to print the commands, or leave it out to run them" ;;
    esac
    case $DISTRIBUTED in
    '' | 0 | 1) ;;
    *) usage_error "DISTRIBUTED is '$DISTRIBUTED'; set it to 1 for the state machine, or to 0 for one invocation" ;;
    esac
    case $SCHEDULE in
    '' | cron\(*\) | rate\(*\)) ;;
    *) usage_error "SCHEDULE is '$SCHEDULE'; write it such as 'cron(0 3 * * ? *)' or 'rate(12 hours)'" ;;
    esac
    case $EMAIL in
    '' | none) ;;
    *[[:space:]]* | *@*@* | @* | *@) usage_error "$email_error" ;;
    *@*) ;;
    *) usage_error "$email_error" ;;
    esac
    case $KMS_KEY in
    '' | none | arn:*:kms:*:key/*) ;;
    *) usage_error "KMS_KEY is '$KMS_KEY'; set it to the ARN of a key, such as arn:aws:kms:eu-central-1:222222222222:key/…" ;;
    esac
    check_parameters
    case $STACK$HUB_PROFILE$REGION in
    *[!A-Za-z0-9_.@-]*) usage_error "STACK, HUB_PROFILE and REGION must not have blanks or other special characters" ;;
    esac
    check_zip
    if [ "$RUN" = 1 ] && ! command -v aws >/dev/null; then
        stop "the AWS CLI is not installed; DRY=1 prints the commands"
    fi
}

# Each must be a parameter of the template: CloudFormation rejects others only after the upload.
check_parameters() {
    names=$(template_parameters hub.yaml | tr '\n' ' ')
    set -f # words, in which `*` is no pattern of files
    for parameter in $PARAMETERS; do
        case $parameter in
        [A-Z]*=*) ;;
        *) usage_error "PARAMETERS has '$parameter'; write NAME=value, such as MemorySize=2048" ;;
        esac
        case " $names" in
        *" ${parameter%%=*} "*) ;;
        *) usage_error "PARAMETERS has '${parameter%%=*}', and infra/hub.yaml has no such parameter; it has: ${names% }" ;;
        esac
    done
    set +f
}

check_zip() {
    command -v unzip >/dev/null || stop "unzip is not installed; it tells which architecture the zip is for"
    if [ -z "$ZIP" ]; then
        [ -n "$BUILT_ZIP" ] || usage_error "$usage"
        # It is built after this check.
        [ "$action" != check ] && [ "$RUN" = 1 ] || return 0
    fi
    if [ ! -r "$zip" ]; then
        usage_error "ZIP is '$zip', which cannot be read; name the zip of a release, or leave ZIP out to build it"
    fi
    if [ -z "$(architecture)" ]; then
        usage_error "ZIP is '$zip', which has no program 'bootstrap' for arm64 or x86_64; make build builds one"
    fi
}

check_settings
if [ "$action" = check ]; then
    exit
fi
begin
deploy
