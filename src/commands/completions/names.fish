
# The instances and values that the word may become: from a cache, so that nothing is waited for.
function __fish_ec2ssh_instances
    set -l words (commandline -opc) (commandline -ct)
    command ec2ssh complete -- $words[2..-1] 2>/dev/null
end
complete -c ec2ssh -f -a "(__fish_ec2ssh_instances)"

# After the target of `ec2ssh ssh` the words belong to the remote command.
functions -e __fish_ec2ssh_using_any_subcommand
functions -c __fish_ec2ssh_using_subcommand __fish_ec2ssh_using_any_subcommand
function __fish_ec2ssh_using_subcommand
    __fish_ec2ssh_using_any_subcommand $argv
    or return 1
    test "$argv[1]" = ssh
    or return 0
    # Asked once for a line, because each option of it asks.
    set -l line (commandline -c)
    if test "$line" != "$__ec2ssh_line"
        set -g __ec2ssh_line $line
        __fish_ec2ssh_instances >/dev/null
        set -g __ec2ssh_status $status
    end
    test "$__ec2ssh_status" -ne 3
end
