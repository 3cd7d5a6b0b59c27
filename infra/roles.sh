#!/bin/sh
# Prints the AWS CLI commands that make Rolecall's two roles out of policies/*.json; with RUN=1, runs them.
set -eu

usage="usage: make roles A=111111111111 B=222222222222
  A            the account that is read; it gets IAMListRole
  B            the account that Rolecall runs in; it gets LambdaRole
  A_PROFILE    the AWS CLI profile that makes A's role (a)
  B_PROFILE    the AWS CLI profile that makes B's role (b)
  EXTERNAL_ID  what LambdaRole must present to become IAMListRole (nothing)
  FUNCTION     the Lambda function to whose log LambdaRole may write (rolecall)
  RUN          1 runs the commands; without it they are printed"

policies=$(cd "$(dirname "$0")" && pwd)/policies
A=${A:-} B=${B:-} EXTERNAL_ID=${EXTERNAL_ID:-} RUN=${RUN:-0}
A_PROFILE=${A_PROFILE:-a} B_PROFILE=${B_PROFILE:-b} FUNCTION=${FUNCTION:-rolecall}
LC_ALL=C # so that a range such as A-Z is these letters and no others
export LC_ALL

main() {
    check_settings
    if [ "$RUN" = 0 ]; then
        printf 'export AWS_PAGER= # a pager would swallow the commands that follow\n\n'
    fi

    check_caller "$B_PROFILE" "$B"
    check_caller "$A_PROFILE" "$A"

    say "account B, $B, in which Rolecall runs; first, since a trust policy can't name a role that is not there"
    make_role "$B_PROFILE" LambdaRole "$(document hub-trust)" \
        "Rolecall runs as this role and goes from it into the accounts that it reads"
    step aws iam put-role-policy --profile "$B_PROFILE" --role-name LambdaRole --policy-name Rolecall \
        --policy-document "$(document hub-permissions)"
    step aws iam wait role-exists --profile "$B_PROFILE" --role-name LambdaRole

    say "account A, $A, which is read; 'Invalid principal' means that it has not heard of LambdaRole yet: try again soon"
    make_role "$A_PROFILE" IAMListRole "$(document member-trust | with_external_id)" \
        "Lets Rolecall list the IAM users of this account and their access keys"
    step aws iam put-role-policy --profile "$A_PROFILE" --role-name IAMListRole --policy-name Rolecall \
        --policy-document "$(document member-permissions)"

    if [ "$RUN" = 1 ]; then
        say "done: LambdaRole of $B may become arn:aws:iam::$A:role/IAMListRole"
    fi
}

check_settings() {
    if [ -z "$A" ] || [ -z "$B" ]; then
        refuse "$usage"
    fi
    check_account_id A "$A"
    check_account_id B "$B"
    if [ "$A" = "$B" ]; then
        refuse "A and B are both $A; Rolecall goes from the account that it runs in into another one: give two accounts"
    fi
    # It is as good as a secret, so what is refused is not shown.
    external_id_rule="EXTERNAL_ID can't be used: STS takes 2 to 1224 letters, digits and characters of _+=,.@:/-"
    case $EXTERNAL_ID in
    ? | *[!A-Za-z0-9_+=,.@:/-]*) refuse "$external_id_rule" ;;
    esac
    if [ ${#EXTERNAL_ID} -gt 1224 ]; then
        refuse "$external_id_rule"
    fi
    case $FUNCTION in
    *[!A-Za-z0-9_-]*) refuse "FUNCTION is '$FUNCTION'; a function's name has letters, digits, hyphens and underscores" ;;
    esac
    case $RUN in
    0) ;;
    1) command -v aws >/dev/null || refuse "the AWS CLI is not installed; without RUN=1 its commands are printed" ;;
    *) refuse "RUN is '$RUN'; 1 runs the commands, without it they are printed" ;;
    esac
}

check_account_id() {
    case $2 in
    *[!0-9]*) refuse "$1 is '$2'; an account id is 12 digits and nothing else" ;;
    ????????????) ;;
    *) refuse "$1 is '$2', ${#2} digits; an account id has 12, and its leading zeros count" ;;
    esac
}

# The document policies/$1.json with the ids and the name that were given.
document() {
    # By way of %A% and %B%: a given id may be the other one's example.
    sed -e 's/111111111111/%A%/g' -e 's/222222222222/%B%/g' -e "s/%A%/$A/g" -e "s/%B%/$B/g" \
        -e "s|/aws/lambda/rolecall:|/aws/lambda/$FUNCTION:|" "$policies/$1.json"
}

with_external_id() {
    if [ -n "$EXTERNAL_ID" ]; then
        sed "s|\"Action\": \"sts:AssumeRole\"|&,\\
      \"Condition\": { \"StringEquals\": { \"sts:ExternalId\": \"$EXTERNAL_ID\" } }|"
    else
        cat
    fi
}

# Under the wrong profile the role would be made in an account that nobody meant.
check_caller() {
    if [ "$RUN" = 0 ]; then
        say "this must print $2"
        step aws sts get-caller-identity --profile "$1" --query Account --output text
        return
    fi
    caller=$(aws sts get-caller-identity --profile "$1" --query Account --output text) ||
        stop "profile '$1' does not work, see above; A_PROFILE and B_PROFILE name the profiles of A and B"
    if [ "$caller" != "$2" ]; then
        stop "profile '$1' is of account $caller, not of $2; A_PROFILE and B_PROFILE name the profiles of A and B"
    fi
}

make_role() {
    if [ "$RUN" = 0 ]; then
        say "EntityAlreadyExists, and the role is Rolecall's? Then update-assume-role-policy, with this as --policy-document"
        create_role "$@"
    elif trust=$(aws iam get-role --profile "$1" --role-name "$2" --query Role.AssumeRolePolicyDocument --output json \
        2>/dev/null); then
        # Another use of the name would break if its trust policy were replaced unasked.
        if [ "$(printf %s "$trust" | tr -d '[:space:]')" != "$(printf %s "$3" | tr -d '[:space:]')" ]; then
            say "role $2 is there, and trusts others than it should; if it is Rolecall's, run this, then make roles again:"
            quoted aws iam update-assume-role-policy --profile "$1" --role-name "$2" --policy-document "$3" >&2
            exit 1
        fi
        say "role $2 is there and trusts whom it should"
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
        quoted "$@"
        return
    fi
    say "$1 $2 $3"
    tries=1
    until answer=$("$@" 2>&1); do
        # Other accounts hear of a new role some seconds after it is made, and until then refuse to trust it.
        case $answer in
        *"Invalid principal"*) [ $tries -lt 12 ] || stop "$answer" "LambdaRole is still not known; try again later" ;;
        *) stop "$answer" "what is done stays and is not done again: put this right, then make roles again" ;;
        esac
        tries=$((tries + 1))
        sleep 5
    done
}

# A command as a shell reads it, an option a line.
quoted() {
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

# Words among the commands: comments where these are printed, progress where they are run.
say() {
    if [ "$RUN" = 0 ]; then
        printf '# %s\n' "$*"
    else
        printf 'roles: %s\n' "$*" >&2
    fi
}

refuse() {
    printf '%s\n' "$1" >&2
    exit 2
}

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

main
