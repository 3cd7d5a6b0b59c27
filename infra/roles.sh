#!/bin/sh
# Prints the AWS CLI commands that create Rolecall's two roles from policies/*.json; with RUN=1, runs them.
set -eu

usage="usage: make roles A=111111111111 B=222222222222
  A            id of the member account, which Rolecall reads; it gets IAMListRole
  B            id of the hub account, in which Rolecall runs; it gets LambdaRole
  A_PROFILE    AWS CLI profile for account A (default: a)
  B_PROFILE    AWS CLI profile for account B (default: b)
  EXTERNAL_ID  external id that LambdaRole must send to assume IAMListRole (default: none)
  FUNCTION     name of the Lambda function whose log LambdaRole may write (default: rolecall)
  RUN          1 runs the commands (default: print them)"

policies=$(cd "$(dirname "$0")" && pwd)/policies
A=${A:-} B=${B:-} EXTERNAL_ID=${EXTERNAL_ID:-} RUN=${RUN:-0}
A_PROFILE=${A_PROFILE:-a} B_PROFILE=${B_PROFILE:-b} FUNCTION=${FUNCTION:-rolecall}
LC_ALL=C # in other locales a range such as A-Z can contain other letters
export LC_ALL

main() {
    check_settings
    if [ "$RUN" = 0 ]; then
        printf 'export AWS_PAGER= # a pager would read the next pasted commands as its own input\n\n'
    fi

    check_caller "$B_PROFILE" "$B"
    check_caller "$A_PROFILE" "$A"

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
        --policy-document "$(document member-permissions)"

    if [ "$RUN" = 1 ]; then
        say "done: LambdaRole of account $B may assume arn:aws:iam::$A:role/IAMListRole"
    fi
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
    # An external id may be kept secret, so the message does not show the value.
    external_id_error="EXTERNAL_ID is not valid; use 2 to 1224 letters, digits and the characters _+=,.@:/-"
    case $EXTERNAL_ID in
    ? | *[!A-Za-z0-9_+=,.@:/-]*) usage_error "$external_id_error" ;;
    esac
    if [ ${#EXTERNAL_ID} -gt 1224 ]; then
        usage_error "$external_id_error"
    fi
    case $FUNCTION in
    *[!A-Za-z0-9_-]*) usage_error "FUNCTION is '$FUNCTION'; use only letters, digits, hyphens and underscores" ;;
    esac
    case $RUN in
    0) ;;
    1)
        command -v aws >/dev/null ||
            usage_error "RUN=1 needs the AWS CLI, which is not installed; without RUN=1 the commands are printed"
        ;;
    *) usage_error "RUN is '$RUN'; set RUN=1 to run the commands, or leave it out to print them" ;;
    esac
}

check_account_id() {
    case $2 in
    *[!0-9]*) usage_error "$1 is '$2'; an account id has 12 digits and no other characters" ;;
    ????????????) ;;
    *) usage_error "$1 is '$2', which has ${#2} digits; an account id has 12, including leading zeros" ;;
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
    if [ -n "$EXTERNAL_ID" ]; then
        sed "s|\"Action\": \"sts:AssumeRole\"|&,\\
      \"Condition\": { \"StringEquals\": { \"sts:ExternalId\": \"$EXTERNAL_ID\" } }|"
    else
        cat
    fi
}

# Checks that profile $1 is of account $2: with a wrong profile the role would be created in another account.
check_caller() {
    if [ "$RUN" = 0 ]; then
        say "this must print $2; if it does not, the profile is for another account"
        step aws sts get-caller-identity --profile "$1" --query Account --output text
        return
    fi
    caller=$(aws sts get-caller-identity --profile "$1" --query Account --output text) ||
        stop "profile '$1' does not work, see the error above; set A_PROFILE and B_PROFILE to the profiles of A and B"
    if [ "$caller" != "$2" ]; then
        stop "profile '$1' is for account $caller, not for $2; set A_PROFILE and B_PROFILE to the profiles of A and B"
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

# Prints a command, or runs it.
step() {
    if [ "$RUN" = 0 ]; then
        print_command "$@"
        return
    fi
    say "$1 $2 $3"
    tries=1
    until answer=$("$@" 2>&1); do
        # For some seconds IAM rejects a trust policy that names a new role of another account.
        case $answer in
        *"Invalid principal"*)
            [ $tries -lt 12 ] || stop "$answer" "IAM still does not know LambdaRole; run make roles again later"
            ;;
        *) stop "$answer" "fix this error and run make roles again; it keeps what it has already created" ;;
        esac
        tries=$((tries + 1))
        sleep 5
    done
}

# Prints a command quoted for a shell, with one option on each line.
print_command() {
    for word; do
        case $word in
        --*) printf ' \\\n    %s' "$word" ;;
        *[!A-Za-z0-9_.:/-]* | '') printf " '%s'" "$(printf %s "$word" | sed "s/'/'\\\\''/g")" ;;
        aws) printf %s "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n\n'
}

# Prints a message: a comment between printed commands, or progress to stderr when they are run.
say() {
    if [ "$RUN" = 0 ]; then
        printf '# %s\n' "$*"
    else
        printf 'roles: %s\n' "$*" >&2
    fi
}

usage_error() {
    printf '%s\n' "$1" >&2
    exit 2
}

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

main
