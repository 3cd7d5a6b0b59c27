# Functions of roles.sh, organization.sh and deploy.sh, which print AWS CLI commands, or run them with RUN=1. `target` is the target
# of make that is run.
# shellcheck shell=sh

LC_ALL=C # in other locales a range such as A-Z can contain other letters
export LC_ALL
RUN=${RUN:-0} target=

check_run() {
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

# An external id may be kept secret, so the message does not show the value.
check_external_id() {
    external_id_error="EXTERNAL_ID is not valid; use 2 to 1224 letters, digits and the characters _+=,.@:/-"
    case $1 in
    ? | *[!A-Za-z0-9_+=,.@:/-]*) usage_error "$external_id_error" ;;
    esac
    if [ ${#1} -gt 1224 ]; then
        usage_error "$external_id_error"
    fi
}

# Nothing is set where the fact set stays as it is.
check_fact_set() {
    case $1 in
    '' | default | recommended | all) ;;
    *) usage_error "FACTS is '$1'; set it to default, recommended or all, as --collect of rolecall scan" ;;
    esac
}

check_function() {
    case $1 in
    *[!A-Za-z0-9_-]*) usage_error "FUNCTION is '$1'; use only letters, digits, hyphens and underscores" ;;
    esac
}

begin() {
    if [ "$RUN" = 0 ]; then
        printf 'export AWS_PAGER= # a pager would read the next pasted commands as its own input\n\n'
    fi
}

# Checks that profile $1 is of account $2: with a wrong profile the commands would change another account. $3 says what
# to set.
check_caller() {
    if [ "$RUN" = 0 ]; then
        say "this must print $2; if it does not, the profile is for another account"
        step aws sts get-caller-identity --profile "$1" --query Account --output text
        return
    fi
    caller=$(aws sts get-caller-identity --profile "$1" --query Account --output text) ||
        stop "profile '$1' does not work, see the error above; set $3"
    if [ "$caller" != "$2" ]; then
        stop "profile '$1' is for account $caller, not for $2; set $3"
    fi
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
            [ $tries -lt 12 ] || stop "$answer" "IAM still does not know LambdaRole; run make $target again later"
            ;;
        *) stop "$answer" "fix this error, then run make $target again: it can be repeated" ;;
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
        aws) printf %s "$word" ;;
        *) printf ' %s' "$(quoted "$word")" ;;
        esac
    done
    printf '\n\n'
}

quoted() {
    case $1 in
    # Variables that printed commands set.
    \$bucket | \$parameters | \$code.zip | \$code.asl.json | CodeKey=\$code) printf '"%s"' "$1" ;;
    *[!A-Za-z0-9_.:/-]* | '') printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf %s "$1" ;;
    esac
}

# Prints the names of the parameters of template $1, one a line.
template_parameters() {
    # The script that reads this file sets infra.
    # shellcheck disable=SC2154
    awk '/^[A-Z]/ { section = $1 } section == "Parameters:" && /^  [A-Z][A-Za-z0-9]*:$/ { sub(":", ""); print $1 }' "$infra/$1"
}

# Prints the value of a variable; nothing for the word `none`, which removes a value that a stack has.
unless_none() {
    [ "$1" = none ] || printf %s "$1"
}

# Prints a message: a comment between printed commands, or progress to stderr when they are run.
say() {
    if [ "$RUN" = 0 ]; then
        printf '# %s\n' "$*"
    else
        printf '%s: %s\n' "$target" "$*" >&2
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
