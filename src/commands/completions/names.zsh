# The instances that the word may become: from a cache, so that nothing is waited for. Within a subcommand the words are
# its own, so they are taken from the line.
_ec2ssh_instances() {
    local -a typed names
    typed=(${(z)LBUFFER})
    [[ $LBUFFER == *[[:space:]] ]] && typed+=("")
    names=(${(f)"$(_call_program instances ${(q)typed[1]} complete -- ${(q)typed[2,-1]} 2>/dev/null)"})
    compadd -a names
}

