# The instances that the word may become: from a cache, so that nothing is waited for. Nothing of the line is run.
_ec2ssh_instances() {
    local -a names
    names=(${(f)"$(command ec2ssh complete -- "${_ec2ssh_words[@]}" 2>/dev/null)"})
    compadd -a names
}

