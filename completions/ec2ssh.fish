# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ec2ssh_global_optspecs
    string join \n profile= region= v/verbose q/quiet l/user= p/port= i/identity= via= address= eice-id= max-tunnel-duration= 4/ipv4 6/ipv6 newest oldest start yes host-keys= t/tty T/no-tty N/no-command n/no-stdin dry-run json h/help
end

function __fish_ec2ssh_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ec2ssh_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ec2ssh_using_subcommand
    set -l cmd (__fish_ec2ssh_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l profile -d 'Profile of the shared AWS config' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l region -d 'Region to look in' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s p -l port -d 'SSH port' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s i -l identity -d 'Use this key file instead of a pushed key (a .pem must have mode 0400)' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l via -d 'How to reach it' -r -f -a "auto\t'What worked last, else directly, else by an endpoint, else by Session Manager: the first that answers'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint'
ssm\t'Session Manager'"
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l address -d 'Which address to connect to' -r -f -a "auto\t'The public DNS name and address, then IPv6; the private address when there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l eice-id -d 'The EC2 Instance Connect Endpoint to go through, instead of the nearest' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l max-tunnel-duration -d 'End a tunnel through an endpoint after so many seconds (1 to 3600), where a policy demands it' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l host-keys -d 'How a new host key is treated' -r -f -a "auto\t'Known, else verified by the instance\'s console, else known to ssh, else ask'
strict\t'Known or verified only'
accept-new\t'Take a new one and say so, unless the console contradicts'"
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s v -l verbose -d 'Tell the steps with their times; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s q -l quiet -d 'Say nothing but errors and warnings'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s 4 -l ipv4 -d 'IPv4 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s 6 -l ipv6 -d 'IPv6 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l newest -d 'Among several matches take the one launched last'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l oldest -d 'Among several matches take the one launched first'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l start -d 'Start a stopped instance, wait for it, connect'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l yes -d 'Answer yes to the question whether to start'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s t -l tty -d 'Ask for a terminal, also for a command; twice: even without one here'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s T -l no-tty -d 'Ask for no terminal'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s N -l no-command -d 'Run nothing; keep the connection'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s n -l no-stdin -d 'Do not read standard input'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l dry-run -d 'Print what would be done, and stop'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l json -d 'With --dry-run: as JSON'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "ssh" -d 'A shell or a command on an instance; the same as without `ssh`'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "proxy" -d 'Standard input and output to the instance\'s SSH port, for ssh_config'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "list" -d 'The instances as a table'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "known-hosts" -d 'The host keys that are trusted'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "config" -d 'Has plain `ssh` reach instances by name: a block in ~/.ssh/config'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "completions" -d 'The completion script of a shell'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l profile -d 'Profile of the shared AWS config' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l region -d 'Region to look in' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s p -l port -d 'SSH port' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s i -l identity -d 'Use this key file instead of a pushed key (a .pem must have mode 0400)' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l via -d 'How to reach it' -r -f -a "auto\t'What worked last, else directly, else by an endpoint, else by Session Manager: the first that answers'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint'
ssm\t'Session Manager'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l address -d 'Which address to connect to' -r -f -a "auto\t'The public DNS name and address, then IPv6; the private address when there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l eice-id -d 'The EC2 Instance Connect Endpoint to go through, instead of the nearest' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l max-tunnel-duration -d 'End a tunnel through an endpoint after so many seconds (1 to 3600), where a policy demands it' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l host-keys -d 'How a new host key is treated' -r -f -a "auto\t'Known, else verified by the instance\'s console, else known to ssh, else ask'
strict\t'Known or verified only'
accept-new\t'Take a new one and say so, unless the console contradicts'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s v -l verbose -d 'Tell the steps with their times; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s q -l quiet -d 'Say nothing but errors and warnings'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s 4 -l ipv4 -d 'IPv4 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s 6 -l ipv6 -d 'IPv6 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l newest -d 'Among several matches take the one launched last'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l oldest -d 'Among several matches take the one launched first'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l start -d 'Start a stopped instance, wait for it, connect'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l yes -d 'Answer yes to the question whether to start'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s t -l tty -d 'Ask for a terminal, also for a command; twice: even without one here'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s T -l no-tty -d 'Ask for no terminal'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s N -l no-command -d 'Run nothing; keep the connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s n -l no-stdin -d 'Do not read standard input'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l dry-run -d 'Print what would be done, and stop'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l json -d 'With --dry-run: as JSON'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l profile -d 'Profile of the shared AWS config' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l region -d 'Region to look in' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s p -l port -d 'SSH port' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s i -l identity -d 'Use this key file instead of a pushed key (a .pem must have mode 0400)' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l via -d 'How to reach it' -r -f -a "auto\t'What worked last, else directly, else by an endpoint, else by Session Manager: the first that answers'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint'
ssm\t'Session Manager'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l address -d 'Which address to connect to' -r -f -a "auto\t'The public DNS name and address, then IPv6; the private address when there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l eice-id -d 'The EC2 Instance Connect Endpoint to go through, instead of the nearest' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l max-tunnel-duration -d 'End a tunnel through an endpoint after so many seconds (1 to 3600), where a policy demands it' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l agent -d 'Make a key, push it, and be ssh\'s agent for it at this path (its IdentityAgent)' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l host-keys -d 'How a new host key is treated' -r -f -a "auto\t'Known, else verified by the instance\'s console, else known to ssh, else ask'
strict\t'Known or verified only'
accept-new\t'Take a new one and say so, unless the console contradicts'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l suffix -d 'A suffix of INSTANCE that is not part of it' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l typed -d 'INSTANCE as it was typed (%n), where ssh has made it lower case (%h)' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l known-hosts -d 'Write the host keys into this file, for an ssh before 8.5' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l owner -d 'The ssh process that a detached agent is for' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s v -l verbose -d 'Tell the steps with their times; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s q -l quiet -d 'Say nothing but errors and warnings'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s 4 -l ipv4 -d 'IPv4 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s 6 -l ipv6 -d 'IPv6 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l newest -d 'Among several matches take the one launched last'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l oldest -d 'Among several matches take the one launched first'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l start -d 'Start a stopped instance, wait for it, connect'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l yes -d 'Answer yes to the question whether to start'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l fdpass -d 'Hand ssh the connected socket (ProxyUseFdpass yes)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -l profile -d 'Profile of the shared AWS config' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -l region -d 'Region to look in' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -s v -l verbose -d 'Tell the steps with their times; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -s q -l quiet -d 'Say nothing but errors and warnings'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -l json -d 'As JSON, every field'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -s v -l verbose -d 'Tell the steps with their times; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -s q -l quiet -d 'Say nothing but errors and warnings'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -f -a "list" -d 'Every key, and how it came to be trusted'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -f -a "forget" -d 'Forget an instance\'s keys: it was set up anew'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -f -a "answer" -d 'The lines for ssh\'s KnownHostsCommand: %I %H %K'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -f -a "add" -d 'Trust a key that you have read on the instance itself'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from list" -l json -d 'As JSON'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from forget" -l profile -d 'Profile of the shared AWS config' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from forget" -l region -d 'Region to look in' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from answer" -l agent -d 'The agent of the ProxyCommand' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from answer" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from add" -l profile -d 'Profile of the shared AWS config' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from add" -l region -d 'Region to look in' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from help" -f -a "list" -d 'Every key, and how it came to be trusted'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from help" -f -a "forget" -d 'Forget an instance\'s keys: it was set up anew'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from help" -f -a "answer" -d 'The lines for ssh\'s KnownHostsCommand: %I %H %K'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from help" -f -a "add" -d 'Trust a key that you have read on the instance itself'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -s v -l verbose -d 'Tell the steps with their times; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -s q -l quiet -d 'Say nothing but errors and warnings'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -f -a "print" -d 'Print it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -f -a "install" -d 'Write it into ~/.ssh/config, or in the place of the one there'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -f -a "remove" -d 'Take it out of ~/.ssh/config'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l profile -d 'Profile of the shared AWS config' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l region -d 'Region to look in' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l match -d 'Names that are instances, beside i-*: \'web-*\', or \'*.ec2\' for any name with that suffix' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l via -d 'How to reach the instances' -r -f -a "auto\t'What worked last, else directly, else by an endpoint, else by Session Manager: the first that answers'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint'
ssm\t'Session Manager'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l address -d 'Which address to connect to' -r -f -a "auto\t'The public DNS name and address, then IPv6; the private address when there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l host-keys -d 'How a new host key is treated' -r -f -a "auto\t'Known, else verified by the instance\'s console, else known to ssh, else ask'
strict\t'Known or verified only'
accept-new\t'Take a new one and say so, unless the console contradicts'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l profile -d 'Profile of the shared AWS config' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l region -d 'Region to look in' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l match -d 'Names that are instances, beside i-*: \'web-*\', or \'*.ec2\' for any name with that suffix' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l via -d 'How to reach the instances' -r -f -a "auto\t'What worked last, else directly, else by an endpoint, else by Session Manager: the first that answers'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint'
ssm\t'Session Manager'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l address -d 'Which address to connect to' -r -f -a "auto\t'The public DNS name and address, then IPv6; the private address when there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l host-keys -d 'How a new host key is treated' -r -f -a "auto\t'Known, else verified by the instance\'s console, else known to ssh, else ask'
strict\t'Known or verified only'
accept-new\t'Take a new one and say so, unless the console contradicts'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l dry-run -d 'Show the change, and make none'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from remove" -l dry-run -d 'Show the change, and make none'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "print" -d 'Print it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "install" -d 'Write it into ~/.ssh/config, or in the place of the one there'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take it out of ~/.ssh/config'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand completions" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy list known-hosts config completions help" -f -a "ssh" -d 'A shell or a command on an instance; the same as without `ssh`'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy list known-hosts config completions help" -f -a "proxy" -d 'Standard input and output to the instance\'s SSH port, for ssh_config'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy list known-hosts config completions help" -f -a "list" -d 'The instances as a table'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy list known-hosts config completions help" -f -a "known-hosts" -d 'The host keys that are trusted'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy list known-hosts config completions help" -f -a "config" -d 'Has plain `ssh` reach instances by name: a block in ~/.ssh/config'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy list known-hosts config completions help" -f -a "completions" -d 'The completion script of a shell'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy list known-hosts config completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from known-hosts" -f -a "list" -d 'Every key, and how it came to be trusted'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from known-hosts" -f -a "forget" -d 'Forget an instance\'s keys: it was set up anew'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from known-hosts" -f -a "answer" -d 'The lines for ssh\'s KnownHostsCommand: %I %H %K'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from known-hosts" -f -a "add" -d 'Trust a key that you have read on the instance itself'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "print" -d 'Print it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "install" -d 'Write it into ~/.ssh/config, or in the place of the one there'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "remove" -d 'Take it out of ~/.ssh/config'

# The instances that the word may become: from a cache, so that nothing is waited for.
function __fish_ec2ssh_instances
    set -l words (commandline -opc) (commandline -ct)
    command ec2ssh complete -- $words[2..-1] 2>/dev/null
end
complete -c ec2ssh -f -a "(__fish_ec2ssh_instances)"
