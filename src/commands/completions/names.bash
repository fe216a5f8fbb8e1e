
# The instances and values that the word may become: from a cache, so that nothing is waited for.
_ec2ssh_with_names() {
    local line="${COMP_LINE:0:COMP_POINT}" words typed name found status own=()
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    typed="${words[${#words[@]}-1]}"
    found=$(command ec2ssh complete -- "${words[@]:1}" 2>/dev/null)
    status=$?
    COMPREPLY=()
    # The word belongs to the remote command.
    [[ $status -eq 3 ]] && return
    if [[ $status -ne 4 ]]; then
        _ec2ssh "$@"
        own=("${COMPREPLY[@]}")
        COMPREPLY=()
    fi
    # What readline takes for the word may be its end only: it breaks words at @, = and :.
    while IFS= read -r name; do
        [[ -n "$name" ]] && COMPREPLY+=("${name#"${typed%"$2"}"}")
    done <<< "$found"
    # Options are offered to somebody who has begun one.
    for name in "${own[@]}"; do
        [[ "$name" == -* && "$typed" != -* ]] || COMPREPLY+=("$name")
    done
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _ec2ssh_with_names -o nosort -o bashdefault -o default ec2ssh
else
    complete -F _ec2ssh_with_names -o bashdefault -o default ec2ssh
fi
