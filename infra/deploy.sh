#!/bin/sh
# Deploys the function: uploads its zip to the bucket of the stack that `make deploy-hub` creates, and updates the stack.
# With DRY=1, prints the AWS CLI commands.
set -eu

usage="usage: make deploy [ZIP=bootstrap.zip] [DISTRIBUTED=1] [DRY=1]
  ZIP           the function's zip, such as one of a release (default: build it)
  DISTRIBUTED   1: the schedule starts the state machine, for organizations that one invocation does not read in 15
                minutes; 0: it invokes the function
  SCHEDULE      when to run, such as 'cron(0 3 * * ? *)'
  EMAIL         address for summaries and alarms
  KMS_KEY       ARN of the KMS key for the bucket's objects
  PARAMETERS    other parameters of infra/hub.yaml, such as 'MemorySize=2048 EphemeralStorageSize=2048'
  STACK         stack of infra/hub.yaml (default: rolecall-hub)
  HUB_PROFILE   AWS CLI profile for the hub account (default: hub)
  REGION        Region of the stack (default: us-east-1)
  DRY           1 prints the commands (default: run them)
What is not given stays as it is in the stack."

infra=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=infra/common.sh
. "$infra/common.sh"
ZIP=${ZIP:-} DISTRIBUTED=${DISTRIBUTED:-} SCHEDULE=${SCHEDULE:-} EMAIL=${EMAIL:-} KMS_KEY=${KMS_KEY:-}
PARAMETERS=${PARAMETERS:-}
STACK=${STACK:-rolecall-hub} HUB_PROFILE=${HUB_PROFILE:-hub} REGION=${REGION:-us-east-1} DRY=${DRY:-0}
target=deploy definition=$infra/sweep.asl.json
hub="--profile $HUB_PROFILE --region $REGION"

deploy() {
    find_bucket
    code=code/$(checksum)
    say "the function and the definition of the state machine, below $code"
    upload "$code.zip" "$ZIP"
    upload "$code.asl.json" "$definition"
    set -- CodeKey="$code" Architecture="$(architecture)"
    case $DISTRIBUTED in
    0) set -- "$@" Distributed=false ;;
    1) set -- "$@" Distributed=true ;;
    esac
    [ -z "$SCHEDULE" ] || set -- "$@" ScheduleExpression="$SCHEDULE"
    [ -z "$EMAIL" ] || set -- "$@" NotificationEmail="$EMAIL"
    [ -z "$KMS_KEY" ] || set -- "$@" KmsKeyArn="$KMS_KEY"
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

# Of both files: CloudFormation updates the function and the state machine when their keys change.
checksum() {
    if [ ! -r "$ZIP" ]; then
        printf CHECKSUM
    elif command -v sha256sum >/dev/null; then
        cat "$ZIP" "$definition" | sha256sum | cut -c 1-16
    else
        cat "$ZIP" "$definition" | shasum -a 256 | cut -c 1-16
    fi
}

# Of the program in the zip, from the header of its ELF file.
architecture() {
    if [ ! -r "$ZIP" ]; then
        printf arm64
        return
    fi
    case $(unzip -p "$ZIP" bootstrap 2>/dev/null | od -An -tx1 -j 18 -N 2) in
    *b7*00) printf arm64 ;;
    *3e*00) printf x86_64 ;;
    esac
}

check_settings() {
    case $DRY in
    0) RUN=1 ;;
    1) RUN=0 ;;
    *) usage_error "DRY is '$DRY'; set DRY=1 to print the commands, or leave it out to run them" ;;
    esac
    case $DISTRIBUTED in
    '' | 0 | 1) ;;
    *) usage_error "DISTRIBUTED is '$DISTRIBUTED'; set it to 1 for the state machine, or to 0 for one invocation" ;;
    esac
    for parameter in $PARAMETERS; do
        case $parameter in
        [A-Z]*=*) ;;
        *) usage_error "PARAMETERS has '$parameter'; write NAME=value, such as MemorySize=2048" ;;
        esac
    done
    case $STACK$HUB_PROFILE$REGION in
    *[!A-Za-z0-9_.@-]*) usage_error "STACK, HUB_PROFILE and REGION must not have blanks or other special characters" ;;
    esac
    if [ -z "$ZIP" ]; then
        usage_error "$usage"
    elif [ "$RUN" = 1 ] && [ ! -r "$ZIP" ]; then
        usage_error "ZIP is '$ZIP', which cannot be read; name the zip of a release, or leave ZIP out to build it"
    fi
    command -v unzip >/dev/null || stop "unzip is not installed; it tells which architecture the zip is for"
    if [ -z "$(architecture)" ]; then
        usage_error "ZIP is '$ZIP', which has no program 'bootstrap' for arm64 or x86_64; make build builds one"
    fi
    if [ "$RUN" = 1 ] && ! command -v aws >/dev/null; then
        stop "the AWS CLI is not installed; DRY=1 prints the commands"
    fi
}

check_settings
begin
deploy
