#!/bin/sh
# Prints the AWS CLI commands that create Rolecall's two roles from policies/*.json; with RUN=1, runs them. With the
# argument `destroy`, those that delete the roles.
set -eu

usage="usage: make roles A=111111111111 B=222222222222
       make destroy A=111111111111 B=222222222222
  A            id of the member account, which Rolecall reads; it gets IAMListRole
  B            id of the hub account, in which Rolecall runs; it gets LambdaRole
  A_PROFILE    AWS CLI profile for account A (default: a)
  B_PROFILE    AWS CLI profile for account B (default: b)
  FACTS        facts that IAMListRole may read: default, recommended or all (default: recommended)
  EXTERNAL_ID  external id that LambdaRole must send to assume IAMListRole, or the word none (default: none; where
               IAMListRole requires one, it must be given)
  FUNCTION     name of the Lambda function whose log LambdaRole may write (default: rolecall)
  RUN          1 runs the commands (default: print them)"

infra=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=infra/common.sh
. "$infra/common.sh"
policies=$infra/policies
A=${A:-} B=${B:-} EXTERNAL_ID=${EXTERNAL_ID:-} FACTS=${FACTS:-recommended}
A_PROFILE=${A_PROFILE:-a} B_PROFILE=${B_PROFILE:-b} FUNCTION=${FUNCTION:-rolecall}
profiles="A_PROFILE and B_PROFILE to the profiles of A and B"

create_roles() {
    target=roles
    check_settings
    begin

    check_caller "$B_PROFILE" "$B" "$profiles"
    check_caller "$A_PROFILE" "$A" "$profiles"

    say "hub account B, $B, first: a trust policy cannot name a role that does not exist"
    make_role "$B_PROFILE" LambdaRole "$(document hub-trust)" \
        "Rolecall runs as this role and assumes roles in the accounts that it reads"
    step aws iam put-role-policy --profile "$B_PROFILE" --role-name LambdaRole --policy-name Rolecall \
        --policy-document "$(document hub-permissions)"
    step aws iam wait role-exists --profile "$B_PROFILE" --role-name LambdaRole

    say "member account A, $A; 'Invalid principal' means that IAM does not know LambdaRole yet: try again soon"
    make_role "$A_PROFILE" IAMListRole "$(document member-trust | with_external_id)" \
        "Lets Rolecall list the IAM users of this account and their access keys"
    step aws iam put-role-policy --profile "$A_PROFILE" --role-name IAMListRole --policy-name Rolecall \
        --policy-document "$(document "$(member_permissions)")"

    if [ "$RUN" = 1 ]; then
        say "done: LambdaRole of account $B may assume arn:aws:iam::$A:role/IAMListRole"
    fi
}

delete_roles() {
    target=destroy
    check_settings
    begin
    check_caller "$A_PROFILE" "$A" "$profiles"
    check_caller "$B_PROFILE" "$B" "$profiles"
    say "AWS deletes a role only without other policies than this one"
    delete_role "$A_PROFILE" IAMListRole
    delete_role "$B_PROFILE" LambdaRole
}

check_settings() {
    if [ -z "$A" ] || [ -z "$B" ]; then
        usage_error "$usage"
    fi
    check_account_id A "$A"
    check_account_id B "$B"
    if [ "$A" = "$B" ]; then
        usage_error "A and B are both $A; give two account ids: A is the member account and B the hub account"
    fi
    check_external_id "$EXTERNAL_ID"
    check_fact_set "$FACTS"
    check_function "$FUNCTION"
    check_run
}

member_permissions() {
    case $FACTS in
    default) printf member-permissions ;;
    *) printf 'member-permissions-%s' "$FACTS" ;;
    esac
}

# Prints policies/$1.json with the given account ids and function name.
document() {
    # First to %A% and %B%, because a given id may be the example id of the other account.
    sed -e 's/111111111111/%A%/g' -e 's/222222222222/%B%/g' -e "s/%A%/$A/g" -e "s/%B%/$B/g" \
        -e "s|/aws/lambda/rolecall:|/aws/lambda/$FUNCTION:|" "$policies/$1.json"
}

# Adds the condition for the external id to a trust policy, if one is set.
with_external_id() {
    if [ -n "$(unless_none "$EXTERNAL_ID")" ]; then
        sed "s|\"Action\": \"sts:AssumeRole\"|&,\\
      \"Condition\": { \"StringEquals\": { \"sts:ExternalId\": \"$EXTERNAL_ID\" } }|"
    else
        cat
    fi
}

make_role() {
    if [ "$RUN" = 0 ]; then
        say "on EntityAlreadyExists, if the role is Rolecall's: run update-assume-role-policy with this --policy-document"
        create_role "$@"
    elif trust=$(aws iam get-role --profile "$1" --role-name "$2" --query Role.AssumeRolePolicyDocument --output json \
        2>/dev/null); then
        # The role may have another purpose, so its trust policy is not replaced without consent.
        if [ "$(printf %s "$trust" | tr -d '[:space:]')" != "$(printf %s "$3" | tr -d '[:space:]')" ]; then
            case $EXTERNAL_ID$trust in
            *sts:ExternalId*)
                [ -n "$EXTERNAL_ID" ] || stop "role $2 requires an external id: give it as EXTERNAL_ID, or EXTERNAL_ID=none to require none"
                ;;
            esac
            say "role $2 exists with another trust policy; if it is Rolecall's role, run this, then run make roles again:"
            print_command aws iam update-assume-role-policy --profile "$1" --role-name "$2" --policy-document "$3" >&2
            exit 1
        fi
        say "role $2 exists with the right trust policy"
    else
        create_role "$@"
    fi
}

create_role() {
    step aws iam create-role --profile "$1" --role-name "$2" --description "$4" --assume-role-policy-document "$3"
}

# Deletes role $2 and its policy, with profile $1.
delete_role() {
    if [ "$RUN" = 1 ] && ! role=$(aws iam get-role --profile "$1" --role-name "$2" 2>&1); then
        case $role in
        *NoSuchEntity*) say "role $2 does not exist" ;;
        *) stop "$role" ;;
        esac
        return
    fi
    step aws iam delete-role-policy --profile "$1" --role-name "$2" --policy-name Rolecall
    step aws iam delete-role --profile "$1" --role-name "$2"
}

case ${1:-} in
destroy) delete_roles ;;
*) create_roles ;;
esac
