#!/bin/sh
# Prints the AWS CLI commands that deploy the templates in an organization; with RUN=1, runs them. The argument says
# which: `hub` for hub.yaml, `members` for member.yaml in all accounts and management.yaml, `destroy` to delete them.
set -eu

usage="usage: make deploy-hub     HUB=222222222222 MANAGEMENT=999999999999 ORGANIZATION=o-a1b2c3d4e5
       make deploy-members HUB=222222222222 MANAGEMENT=999999999999 ORGANIZATION=o-a1b2c3d4e5 OU=r-abcd
       make destroy        HUB=222222222222 MANAGEMENT=999999999999 ORGANIZATION=o-a1b2c3d4e5 OU=r-abcd
  HUB                 id of the hub account, in which Rolecall runs; it gets LambdaRole
  MANAGEMENT          id of the management account; with DELEGATED=1 it may be left out, and is then not read
  ORGANIZATION        id of the organization
  OU                  root of the organization, or organizational units separated by commas; their accounts get IAMListRole
  FACTS               facts that may be read: default, recommended or all (at first: recommended)
  EXTERNAL_ID         external id that IAMListRole requires, or the word none (at first: none)
  SSO_PERMISSION_SET  permission set whose users may use LambdaRole, or none (at first: none)
  CI_ROLE             ARN of a role that may use LambdaRole, or none (at first: none)
  DELEGATED           1: the hub account is a delegated administrator for CloudFormation StackSets; it then lists the
                      accounts and manages the StackSet itself (default: 0)
  FUNCTION            name of the Lambda function (at first: rolecall)
  HUB_PROFILE         AWS CLI profile for the hub account (default: hub)
  MANAGEMENT_PROFILE  AWS CLI profile for the management account (default: management)
  REGION              Region of the stacks and of the function; IAM roles are in all Regions (default: us-east-1)
  RUN                 1 runs the commands (default: print them)
FACTS, EXTERNAL_ID, SSO_PERMISSION_SET, CI_ROLE and FUNCTION stay as they are in the stacks where they are not given; the
word none removes one."

infra=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=infra/common.sh
. "$infra/common.sh"
HUB=${HUB:-} MANAGEMENT=${MANAGEMENT:-} ORGANIZATION=${ORGANIZATION:-} OU=${OU:-} FACTS=${FACTS:-}
EXTERNAL_ID=${EXTERNAL_ID:-} SSO_PERMISSION_SET=${SSO_PERMISSION_SET:-} CI_ROLE=${CI_ROLE:-} DELEGATED=${DELEGATED:-0}
FUNCTION=${FUNCTION:-} HUB_PROFILE=${HUB_PROFILE:-hub} MANAGEMENT_PROFILE=${MANAGEMENT_PROFILE:-management}
REGION=${REGION:-us-east-1}
profiles="HUB_PROFILE and MANAGEMENT_PROFILE to the profiles of HUB and MANAGEMENT"
# Accounts in which the role cannot be created, such as below an SCP that denies it, do not stop the others.
preferences=FailureTolerancePercentage=100,MaxConcurrentPercentage=100

deploy_hub() {
    check_caller "$HUB_PROFILE" "$HUB" "$profiles"
    say "hub account, $HUB: LambdaRole, which assumes IAMListRole in the accounts of $ORGANIZATION"
    set -- OrganizationId="$ORGANIZATION" OrganizationRoleArn="$(organization_role)"
    [ -z "$FACTS" ] || set -- "$@" FactSet="$FACTS"
    [ -z "$SSO_PERMISSION_SET" ] || set -- "$@" SsoPermissionSet="$(unless_none "$SSO_PERMISSION_SET")"
    [ -z "$CI_ROLE" ] || set -- "$@" CiRoleArn="$(unless_none "$CI_ROLE")"
    [ -z "$FUNCTION" ] || set -- "$@" FunctionName="$FUNCTION"
    [ -z "$EXTERNAL_ID" ] || set -- "$@" ExternalId="$(unless_none "$EXTERNAL_ID")"
    deploy_stack "$HUB_PROFILE" rolecall-hub hub.yaml "$@"
    say "deploy the function: make deploy; or use arn:$(partition):iam::$HUB:role/LambdaRole as role_arn of an AWS CLI profile"
}

deploy_members() {
    check_callers
    if [ -n "$(organization_role)" ]; then
        say "management account, $MANAGEMENT: OrganizationListRole, with which LambdaRole lists the accounts"
        set -- HubAccountId="$HUB" HubTrust=account OrganizationId="$ORGANIZATION"
        [ -z "$FACTS" ] || set -- "$@" FactSet="$FACTS"
        deploy_stack "$MANAGEMENT_PROFILE" rolecall-organization management.yaml "$@"
    fi
    if has_management_stack; then
        say "management account, $MANAGEMENT: IAMListRole as a stack, since StackSets create nothing in it"
        set -- HubAccountId="$HUB" HubTrust=account OrganizationId="$ORGANIZATION"
        [ -z "$FACTS" ] || set -- "$@" FactSet="$FACTS"
        [ -z "$EXTERNAL_ID" ] || set -- "$@" ExternalId="$(unless_none "$EXTERNAL_ID")"
        deploy_stack "$MANAGEMENT_PROFILE" rolecall-member member.yaml "$@"
    fi
    say "member accounts: IAMListRole as a StackSet, also in accounts that are added to $OU later"
    deploy_stack_set
}

destroy() {
    check_caller "$HUB_PROFILE" "$HUB" "$profiles"
    check_callers
    say "member accounts: first the roles, then the StackSet"
    if stack_set_exists; then
        operation delete-stack-instances --deployment-targets "OrganizationalUnitIds=$OU" --regions "$REGION" \
            --no-retain-stacks --operation-preferences "$preferences"
        stack_set_step delete-stack-set
    fi
    if has_management_stack; then
        delete_stack "$MANAGEMENT_PROFILE" rolecall-member
    fi
    if [ -n "$(organization_role)" ]; then
        delete_stack "$MANAGEMENT_PROFILE" rolecall-organization
    fi
    delete_stack "$HUB_PROFILE" rolecall-hub
    say "the rolls stay in the bucket rolecall-hub-bucket-…, which you may delete; a function that was deployed with ROLE" \
        "stays too: aws lambda delete-function --function-name ${FUNCTION:-rolecall} --profile $HUB_PROFILE"
}

check_settings() {
    if [ -z "$HUB" ] || [ -z "$ORGANIZATION" ] || [ -z "$MANAGEMENT$(is_delegated && printf 1)" ]; then
        usage_error "$usage"
    fi
    check_account_id HUB "$HUB"
    if [ -n "$MANAGEMENT" ]; then
        check_account_id MANAGEMENT "$MANAGEMENT"
    fi
    case $ORGANIZATION in
    o-*[!a-z0-9]* | [!o]* | o[!-]*) usage_error "ORGANIZATION is '$ORGANIZATION'; an organization id is like o-a1b2c3d4e5" ;;
    esac
    case $DELEGATED in
    0 | 1) ;;
    *) usage_error "DELEGATED is '$DELEGATED'; set it to 1 if the hub account is a delegated administrator, or leave it out" ;;
    esac
    case $CI_ROLE in
    '' | none | arn:*:iam::*:role/*) ;;
    *) usage_error "CI_ROLE is '$CI_ROLE'; set it to a role ARN, such as arn:aws:iam::$HUB:role/RolecallCI" ;;
    esac
    case $SSO_PERMISSION_SET in
    *[!A-Za-z0-9_+=,.@-]*) usage_error "SSO_PERMISSION_SET is '$SSO_PERMISSION_SET'; set it to the name of a permission set" ;;
    esac
    case $REGION in
    *[!a-z0-9-]*) usage_error "REGION is '$REGION'; set it to a Region, such as eu-central-1" ;;
    esac
    check_external_id "$EXTERNAL_ID"
    check_fact_set "$FACTS"
    check_function "$FUNCTION"
    check_run
}

check_units() {
    case $OU in
    '') usage_error "$usage" ;;
    *[!a-z0-9,-]* | [!or]*) usage_error "OU is '$OU'; set it to r-… (the root) or ou-…-…, several separated by commas" ;;
    esac
}

is_delegated() {
    [ "$DELEGATED" = 1 ]
}

# The role that lists the accounts, unless the hub account lists them itself.
organization_role() {
    if ! is_delegated && [ "$HUB" != "$MANAGEMENT" ]; then
        printf 'arn:%s:iam::%s:role/OrganizationListRole' "$(partition)" "$MANAGEMENT"
    fi
}

# Whether the management account needs a stack: Rolecall reads the hub account with its own credentials.
has_management_stack() {
    [ -n "$MANAGEMENT" ] && [ "$HUB" != "$MANAGEMENT" ]
}

partition() {
    case $REGION in
    cn-*) printf aws-cn ;;
    us-gov-*) printf aws-us-gov ;;
    eusc-*) printf aws-eusc ;;
    us-iso-*) printf aws-iso ;;
    us-isob-*) printf aws-iso-b ;;
    eu-isoe-*) printf aws-iso-e ;;
    us-isof-*) printf aws-iso-f ;;
    *) printf aws ;;
    esac
}

check_callers() {
    if is_delegated; then
        check_caller "$HUB_PROFILE" "$HUB" "$profiles"
    fi
    if [ -n "$MANAGEMENT" ]; then
        check_caller "$MANAGEMENT_PROFILE" "$MANAGEMENT" "$profiles"
    fi
}

# Creates or updates stack $2 from template $3, with profile $1 and parameters NAME=value.
deploy_stack() {
    profile=$1 name=$2 template=$3
    shift 3
    step aws cloudformation deploy --profile "$profile" --region "$REGION" --stack-name "$name" \
        --template-file "$infra/$template" --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset \
        --parameter-overrides "$@"
}

# AWS does not report a stack that does not exist as an error.
delete_stack() {
    step aws cloudformation delete-stack --profile "$1" --region "$REGION" --stack-name "$2"
    step aws cloudformation wait stack-delete-complete --profile "$1" --region "$REGION" --stack-name "$2"
}

deploy_stack_set() {
    member_parameters
    if [ "$RUN" = 0 ]; then
        print_stack_set
    elif stack_set_exists; then
        command=call
        parameters=$(stack_set describe-stack-set --query "$updated" --output json) ||
            stop "fix this error, then run make $target again: it can be repeated"
        update_stack_set "$parameters"
    else
        create_stack_set
    fi
    operation create-stack-instances --deployment-targets "OrganizationalUnitIds=$OU" --regions "$REGION" \
        --operation-preferences "$preferences"
}

# Sets $given, the parameters of the StackSet that are given, as JSON, because an external id may contain characters that
# separate the words of the short form. Sets $updated, a JMESPath expression that adds those of the StackSet which stay as
# they are: AWS gives a parameter that an update leaves out the default value of the template.
member_parameters() {
    given="$(parameter HubAccountId "$HUB"), $(parameter HubTrust account), $(parameter OrganizationId "$ORGANIZATION")"
    [ -z "$FACTS" ] || given="$given, $(parameter FactSet "$FACTS")"
    [ -z "$EXTERNAL_ID" ] || given="$given, $(parameter ExternalId "$(unless_none "$EXTERNAL_ID")")"
    others=
    for name in $(template_parameters member.yaml); do
        case $given in
        *"\"$name\""*) ;;
        *) others="$others${others:+, }\"$name\"" ;;
        esac
    done
    updated="[\`[$given]\`, StackSet.Parameters[?contains(\`[$others]\`, ParameterKey)]\
.{ParameterKey: ParameterKey, UsePreviousValue: \`true\`}][]"
}

# Printed commands find out themselves whether the StackSet exists.
print_stack_set() {
    say "a StackSet that exists is updated, and parameters that are not given stay as they are; otherwise it is created"
    printf "if parameters=\$("
    command=print_command
    stack_set describe-stack-set --query "$updated" --output json
    printf '); then\n\n'
    update_stack_set "\$parameters"
    printf 'else\n\n'
    create_stack_set
    printf 'fi\n\n'
}

update_stack_set() {
    operation update-stack-set --template-body "file://$infra/member.yaml" --capabilities CAPABILITY_NAMED_IAM \
        --parameters "$1" --operation-preferences "$preferences"
}

create_stack_set() {
    stack_set_step create-stack-set --template-body "file://$infra/member.yaml" --capabilities CAPABILITY_NAMED_IAM \
        --parameters "[$given]" --permission-model SERVICE_MANAGED \
        --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false
}

parameter() {
    printf '{"ParameterKey": "%s", "ParameterValue": "%s"}' "$1" "$2"
}

# Runs `aws cloudformation $1` for the StackSet, as the account that manages it.
stack_set() {
    action=$1
    shift
    if is_delegated; then
        set -- --call-as DELEGATED_ADMIN "$@"
    fi
    if is_delegated || [ "$HUB" = "$MANAGEMENT" ]; then
        set -- --profile "$HUB_PROFILE" --region "$REGION" "$@"
    else
        set -- --profile "$MANAGEMENT_PROFILE" --region "$REGION" "$@"
    fi
    "$command" aws cloudformation "$action" --stack-set-name rolecall-member "$@"
}

stack_set_step() {
    command=step
    stack_set "$@"
}

# Whether the StackSet exists; printed commands assume so.
stack_set_exists() {
    command=call
    if [ "$RUN" = 0 ] || answer=$(stack_set describe-stack-set 2>&1); then
        return 0
    fi
    case $answer in
    *StackSetNotFoundException*) return 1 ;;
    *) stop "$answer" ;;
    esac
}

call() {
    "$@"
}

# Runs an operation on the accounts of the StackSet, waits until it ended, and reports each account in which it failed.
operation() {
    if [ "$RUN" = 0 ]; then
        stack_set_step "$@"
        say "continue when this shows SUCCEEDED for all operations"
        stack_set_step list-stack-set-operations --query 'Summaries[].[OperationId,Action,Status]' --output text
        return
    fi
    say "aws cloudformation $1"
    command=call
    id=$(stack_set "$@" --query OperationId --output text) ||
        stop "fix this error, then run make $target again: it can be repeated"
    while status=$(stack_set describe-stack-set-operation --operation-id "$id" --query StackSetOperation.Status \
        --output text); do
        case $status in
        RUNNING | QUEUED | STOPPING) sleep 5 ;;
        *) break ;;
        esac
    done
    failed=$(stack_set list-stack-set-operation-results --operation-id "$id" --output text \
        --query "Summaries[?Status!='SUCCEEDED'].[Account,Status,StatusReason]") ||
        stop "$1: whether it failed in an account is unknown, see the error above" \
            "fix this error, then run make $target again: it can be repeated"
    if [ "$status" != SUCCEEDED ] || [ -n "$failed" ]; then
        stop "$1 ended as ${status:-unknown}; accounts in which it failed:" "$failed" \
            "fix the causes, then run make $target again: it can be repeated"
    fi
}

target=deploy-${1:-}
case ${1:-} in
hub)
    check_settings
    begin
    deploy_hub
    ;;
members)
    check_units
    check_settings
    begin
    deploy_members
    ;;
destroy)
    target=destroy
    check_units
    check_settings
    begin
    destroy
    ;;
*) usage_error "$usage" ;;
esac
