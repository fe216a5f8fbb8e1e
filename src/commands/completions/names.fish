
# The instances that the word may become: from a cache, so that nothing is waited for.
function __fish_ec2ssh_instances
    set -l words (commandline -opc) (commandline -ct)
    command ec2ssh complete -- $words[2..-1] 2>/dev/null
end
complete -c ec2ssh -f -a "(__fish_ec2ssh_instances)"
