
# The instances that the word may become: from a cache, so that nothing is waited for.
_ec2ssh_with_names() {
    _ec2ssh "$@"
    local line="${COMP_LINE:0:COMP_POINT}" words typed name
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    typed="${words[${#words[@]}-1]}"
    # What readline takes for the word may be its end only: it breaks words at @ and :.
    while IFS= read -r name; do
        COMPREPLY+=("${name#"${typed%"$2"}"}")
    done < <(command ec2ssh complete -- "${words[@]:1}" 2>/dev/null)
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _ec2ssh_with_names -o nosort -o bashdefault -o default ec2ssh
else
    complete -F _ec2ssh_with_names -o bashdefault -o default ec2ssh
fi
