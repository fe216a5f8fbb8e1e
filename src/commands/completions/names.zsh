# The instances that the word may become: from a cache, so that nothing is waited for. Nothing of the line is run.
_ec2ssh_instances() {
    local -a names
    names=(${(f)"$(command ec2ssh complete -- "${_ec2ssh_words[@]}" 2>/dev/null)"})
    compadd -V ec2ssh-instances -a names
}

# Values that are all that fits, and the words of the remote command. Returns false for everything else.
_ec2ssh_special() {
    local found
    local -a names
    found="$(command ec2ssh complete -- "${_ec2ssh_words[@]}" 2>/dev/null)"
    case $? in
        3) _files ;;
        4) names=(${(f)found}); compset -P '*='; names=("${(@)names#*=}"); compadd -a names ;;
        *) return 1 ;;
    esac
    return 0
}
