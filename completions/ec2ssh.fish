# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ec2ssh_global_optspecs
    string join \n profile= region= v/verbose q/quiet l/user= p/port= i/identity= via= address= eice-id= no-share-key max-tunnel-duration= 4/ipv4 6/ipv6 newest oldest start wait=? offline yes L= R= D= W= J= g A a o= F= host-keys= t/tty T/no-tty N/no-command f/background s/subsystem C/compress n/no-stdin e/escape-char= G/dry-run json x h/help
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

complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s p -l port -d 'Connect to this SSH port' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s i -l identity -d 'Use this key file instead of a pushed key (a .pem must have mode 0400)' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l via -d 'Use this route to the instance' -r -f -a "auto\t'Last working route first, then direct, EICE and SSM; the first that answers wins'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint (EICE)'
ssm\t'AWS Systems Manager Session Manager (SSM)'"
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l address -d 'Connect to this kind of address' -r -f -a "auto\t'Public DNS name or IPv4 address, then IPv6; the private address only if there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The instance\'s IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l eice-id -d 'Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l max-tunnel-duration -d 'End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l wait -d 'Try again until the instance accepts the login, for this many seconds'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s L -d 'Forward a port from here: PORT:HOST:PORT, PORT (the same there), :PORT (any free one here), or socket paths' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s R -d 'Forward a port of the instance to here: PORT:HOST:PORT, socket paths, or PORT (SOCKS there)' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s D -d 'Forward wherever the clients of this port ask to go (SOCKS 4a and 5)' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s W -d 'Connect standard input and output to a port that the instance reaches, or to its Unix socket' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s J -d 'Go through these hosts: instances, or hosts that ssh knows' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s o -d 'Set an option of ssh_config(5), for example ServerAliveInterval=30' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s F -d 'Read this file in place of the usual ssh_config files; none reads none' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l host-keys -d 'Handle new host keys by this policy' -r -f -a "auto\t'Accept a key that is known, verified by the console output or known to ssh, else ask'
strict\t'Accept only known or verified keys'
accept-new\t'Accept a new key with a notice, unless the console output contradicts it'"
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s e -l escape-char -d 'Set the escape character: a character, ^ and a letter, or none' -r
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l no-share-key -d 'Push a key for this connection alone, instead of sharing one with others to the instance'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s 4 -l ipv4 -d 'Use IPv4 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s 6 -l ipv6 -d 'Use IPv6 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l newest -d 'Use the match that was launched last'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l oldest -d 'Use the match that was launched first'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l start -d 'Start a stopped instance, wait for it and connect'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l offline -d 'Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l yes -d 'Do not ask before starting an instance (with --start)'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s g -d 'Let other hosts connect to forwarded ports here'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s A -d 'Let the instance use the keys of your agent'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s a -d 'Do not let the instance use the keys of your agent (the default)'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s t -l tty -d 'Request a pty, also for a command; twice: even without a local terminal'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s T -l no-tty -d 'Do not request a pty'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s N -l no-command -d 'Run no command; keep the connection open'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s f -l background -d 'Go to the background once logged in, with the forwards standing; needs a command or -N'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s s -l subsystem -d 'Request the subsystem that COMMAND names, for example sftp'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s C -l compress -d 'Compress, on every route (Session Manager always compresses)'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s n -l no-stdin -d 'Do not read standard input'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s G -l dry-run -d 'Print the plan without connecting'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -l json -d 'Print the plan as JSON (with --dry-run)'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s x -d 'Accepted as ssh does, and without effect: no X11, no GSSAPI, protocol 2'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "ssh" -d 'Open a shell or run a command on an instance (`ssh` may be left out)'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "proxy" -d 'Connect standard input and output to an instance\'s SSH port, for ssh_config'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "forward" -d 'Forward ports of an instance, or of hosts behind it; reconnects by itself'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "ssm" -d 'Open a shell or run a command through Session Manager: no SSH, user or key is needed'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "rdp" -d 'Open the desktop of a Windows instance: tunnel, password, certificate, client'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "serial" -d 'Open the serial console of an instance'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "list" -d 'List instances in a table'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "info" -d 'Show all that AWS knows of an instance: addresses, groups, agent, user data, console'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "doctor" -d 'Find out why an instance cannot be connected to, and what to type'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "metadata" -d 'Ask an instance for its metadata (IMDSv2), over SSH'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "known-hosts" -d 'List, add or forget trusted host keys'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "config" -d 'Configure OpenSSH to reach instances by name (~/.ssh/config)'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c ec2ssh -n "__fish_ec2ssh_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s p -l port -d 'Connect to this SSH port' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s i -l identity -d 'Use this key file instead of a pushed key (a .pem must have mode 0400)' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l via -d 'Use this route to the instance' -r -f -a "auto\t'Last working route first, then direct, EICE and SSM; the first that answers wins'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint (EICE)'
ssm\t'AWS Systems Manager Session Manager (SSM)'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l address -d 'Connect to this kind of address' -r -f -a "auto\t'Public DNS name or IPv4 address, then IPv6; the private address only if there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The instance\'s IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l eice-id -d 'Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l max-tunnel-duration -d 'End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l wait -d 'Try again until the instance accepts the login, for this many seconds'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s L -d 'Forward a port from here: PORT:HOST:PORT, PORT (the same there), :PORT (any free one here), or socket paths' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s R -d 'Forward a port of the instance to here: PORT:HOST:PORT, socket paths, or PORT (SOCKS there)' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s D -d 'Forward wherever the clients of this port ask to go (SOCKS 4a and 5)' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s W -d 'Connect standard input and output to a port that the instance reaches, or to its Unix socket' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s J -d 'Go through these hosts: instances, or hosts that ssh knows' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s o -d 'Set an option of ssh_config(5), for example ServerAliveInterval=30' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s F -d 'Read this file in place of the usual ssh_config files; none reads none' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l host-keys -d 'Handle new host keys by this policy' -r -f -a "auto\t'Accept a key that is known, verified by the console output or known to ssh, else ask'
strict\t'Accept only known or verified keys'
accept-new\t'Accept a new key with a notice, unless the console output contradicts it'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s e -l escape-char -d 'Set the escape character: a character, ^ and a letter, or none' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l no-share-key -d 'Push a key for this connection alone, instead of sharing one with others to the instance'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s 4 -l ipv4 -d 'Use IPv4 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s 6 -l ipv6 -d 'Use IPv6 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l newest -d 'Use the match that was launched last'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l oldest -d 'Use the match that was launched first'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l start -d 'Start a stopped instance, wait for it and connect'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l offline -d 'Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l yes -d 'Do not ask before starting an instance (with --start)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s g -d 'Let other hosts connect to forwarded ports here'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s A -d 'Let the instance use the keys of your agent'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s a -d 'Do not let the instance use the keys of your agent (the default)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s t -l tty -d 'Request a pty, also for a command; twice: even without a local terminal'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s T -l no-tty -d 'Do not request a pty'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s N -l no-command -d 'Run no command; keep the connection open'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s f -l background -d 'Go to the background once logged in, with the forwards standing; needs a command or -N'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s s -l subsystem -d 'Request the subsystem that COMMAND names, for example sftp'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s C -l compress -d 'Compress, on every route (Session Manager always compresses)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s n -l no-stdin -d 'Do not read standard input'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s G -l dry-run -d 'Print the plan without connecting'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -l json -d 'Print the plan as JSON (with --dry-run)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s x -d 'Accepted as ssh does, and without effect: no X11, no GSSAPI, protocol 2'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssh" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s p -l port -d 'Connect to this SSH port' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s i -l identity -d 'Use this key file instead of a pushed key (a .pem must have mode 0400)' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l via -d 'Use this route to the instance' -r -f -a "auto\t'Last working route first, then direct, EICE and SSM; the first that answers wins'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint (EICE)'
ssm\t'AWS Systems Manager Session Manager (SSM)'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l address -d 'Connect to this kind of address' -r -f -a "auto\t'Public DNS name or IPv4 address, then IPv6; the private address only if there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The instance\'s IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l eice-id -d 'Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l max-tunnel-duration -d 'End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l wait -d 'Try again until the instance accepts the login, for this many seconds'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l agent -d 'Make a key, push it, and serve it to ssh as an agent at this path (its IdentityAgent)' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l host-keys -d 'Handle new host keys by this policy' -r -f -a "auto\t'Accept a key that is known, verified by the console output or known to ssh, else ask'
strict\t'Accept only known or verified keys'
accept-new\t'Accept a new key with a notice, unless the console output contradicts it'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l suffix -d 'Remove this suffix from TARGET' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l typed -d 'TARGET as it was typed (%n), in case ssh has changed it to lower case (%h)' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l known-hosts -d 'Write the host keys to this file, for ssh before 8.5' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l owner -d 'Process id of the ssh that a detached agent serves' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l no-share-key -d 'Push a key for this connection alone, instead of sharing one with others to the instance'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s 4 -l ipv4 -d 'Use IPv4 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s 6 -l ipv6 -d 'Use IPv6 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l newest -d 'Use the match that was launched last'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l oldest -d 'Use the match that was launched first'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l start -d 'Start a stopped instance, wait for it and connect'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l offline -d 'Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l yes -d 'Do not ask before starting an instance (with --start)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -l fdpass -d 'Pass the connected socket to ssh (ProxyUseFdpass yes)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s p -l port -d 'Connect to this SSH port' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s i -l identity -d 'Use this key file instead of a pushed key (a .pem must have mode 0400)' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l via -d 'Use this route to the instance' -r -f -a "auto\t'Last working route first, then direct, EICE and SSM; the first that answers wins'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint (EICE)'
ssm\t'AWS Systems Manager Session Manager (SSM)'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l address -d 'Connect to this kind of address' -r -f -a "auto\t'Public DNS name or IPv4 address, then IPv6; the private address only if there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The instance\'s IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l eice-id -d 'Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l max-tunnel-duration -d 'End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l wait -d 'Try again until the instance accepts the login, for this many seconds'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s o -d 'Set an option of ssh_config(5), for example ServerAliveInterval=30' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s F -d 'Read this file in place of the usual ssh_config files; none reads none' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l host-keys -d 'Handle new host keys by this policy' -r -f -a "auto\t'Accept a key that is known, verified by the console output or known to ssh, else ask'
strict\t'Accept only known or verified keys'
accept-new\t'Accept a new key with a notice, unless the console output contradicts it'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s J -d 'Go through these hosts: instances, or hosts that ssh knows' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l bind -d 'Listen on this address instead of 127.0.0.1 and ::1; * is all addresses' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l no-share-key -d 'Push a key for this connection alone, instead of sharing one with others to the instance'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s 4 -l ipv4 -d 'Use IPv4 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s 6 -l ipv6 -d 'Use IPv6 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l newest -d 'Use the match that was launched last'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l oldest -d 'Use the match that was launched first'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l start -d 'Start a stopped instance, wait for it and connect'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l offline -d 'Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l yes -d 'Do not ask before starting an instance (with --start)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l no-login -d 'Forward without a login, by Session Manager\'s port sessions or an endpoint: no user, key or sshd is needed'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -l once -d 'End when the connection is lost, instead of connecting again'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand forward" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l wait -d 'Try again for this many seconds while the instance is not ready (without a number: 300)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -s e -l escape-char -d 'Set the escape character: a character, ^ and a letter, or none' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l document -d 'Use this document of Session Manager, instead of the account\'s for shells' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l parameter -d 'Set a parameter of the document; several times for a list' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l reason -d 'Have the service record this reason for the session' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l request-access -d 'Request just-in-time access for this reason where StartSession is denied, and wait for the approval' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l newest -d 'Use the match that was launched last'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l oldest -d 'Use the match that was launched first'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l start -d 'Start a stopped instance and wait for it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -l yes -d 'Answer questions with yes'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -s t -l tty -d 'Run COMMAND in a terminal of its own'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -s n -l no-stdin -d 'Do not read standard input; needed in a loop that reads from it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand ssm" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l wait -d 'Try again for this many seconds while the instance is not ready (without a number: 300)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -s l -l user -d 'Log in as this user (without it: Administrator, the only one whose password EC2 knows)' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -s i -l identity -d 'Decrypt the password with this key file (a .pem must have mode 0400); without it, the key pair\'s in ~/.ssh' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -s p -l port -d 'Connect to this port of the instance' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l via -d 'Use this route only: eice, ssm or direct; auto tries them in this order' -r -f -a "auto\t'Last working route first, then direct, EICE and SSM; the first that answers wins'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint (EICE)'
ssm\t'AWS Systems Manager Session Manager (SSM)'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l host-keys -d 'Handle a certificate that the console does not vouch for: auto asks, strict refuses, accept-new trusts the first one' -r -f -a "auto\t'Accept a key that is known, verified by the console output or known to ssh, else ask'
strict\t'Accept only known or verified keys'
accept-new\t'Accept a new key with a notice, unless the console output contradicts it'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l thumbprint -d 'Trust the certificate with this SHA-1 thumbprint, and no other' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l local-port -d 'Listen on this local port, instead of a free one' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l newest -d 'Use the match that was launched last'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l oldest -d 'Use the match that was launched first'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l start -d 'Start a stopped instance and wait for it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l yes -d 'Answer questions with yes'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l print -d 'Open the tunnel, print its address and start no client'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l password -d 'Print the password and stop'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -l copy -d 'Put the password on the clipboard'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand rdp" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -l wait -d 'Try again for this many seconds while the instance is not ready (without a number: 300)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -l host-keys -d 'Handle a host key that AWS has not published: auto asks, strict refuses' -r -f -a "auto\t'Accept a key that is known, verified by the console output or known to ssh, else ask'
strict\t'Accept only known or verified keys'
accept-new\t'Accept a new key with a notice, unless the console output contradicts it'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -s e -l escape-char -d 'Set the escape character of ssh: a character, ^ and a letter, or none' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -s o -d 'Give ssh this option, for example ProxyJump=HOST' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -s F -d 'Give ssh this configuration file; none for no file' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -l newest -d 'Use the match that was launched last'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -l oldest -d 'Use the match that was launched first'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -l start -d 'Start a stopped instance and wait for it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -l yes -d 'Answer questions with yes'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand serial" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -l json -d 'Print JSON with every field'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand list" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand info" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand info" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand info" -l screenshot -d 'Write a picture of the screen (JPEG) to this file' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand info" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand info" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand info" -l json -d 'Print the report as JSON'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand info" -l user-data -d 'Write the user data, unpacked, to standard output'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand info" -l console -d 'Write the console output to standard output'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand info" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -s l -l user -d 'Look at the login of this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -s p -l port -d 'Look at this SSH port' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -s i -l identity -d 'Look at the login with this key file' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -l via -d 'Look at this route only' -r -f -a "auto\t'Last working route first, then direct, EICE and SSM; the first that answers wins'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint (EICE)'
ssm\t'AWS Systems Manager Session Manager (SSM)'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -l address -d 'Look at this kind of address' -r -f -a "auto\t'Public DNS name or IPv4 address, then IPv6; the private address only if there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The instance\'s IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -l eice-id -d 'Look at this EC2 Instance Connect Endpoint (EICE)' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -l from -d 'Judge the rules for this address, instead of this machine\'s' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -l no-checkip -d 'Ask no service for this machine\'s public address'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -l login -d 'Log in as well, which may push a key'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -l fix -d 'Offer to mend what can be mended safely, one by one'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -l json -d 'Print the report as JSON'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -s p -l port -d 'Connect to this SSH port' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -s i -l identity -d 'Use this key file instead of a pushed key (a .pem must have mode 0400)' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l via -d 'Use this route to the instance' -r -f -a "auto\t'Last working route first, then direct, EICE and SSM; the first that answers wins'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint (EICE)'
ssm\t'AWS Systems Manager Session Manager (SSM)'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l address -d 'Connect to this kind of address' -r -f -a "auto\t'Public DNS name or IPv4 address, then IPv6; the private address only if there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The instance\'s IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l eice-id -d 'Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l max-tunnel-duration -d 'End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l wait -d 'Try again until the instance accepts the login, for this many seconds'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l host-keys -d 'How to treat a host key that is not known yet' -r -f -a "auto\t'Accept a key that is known, verified by the console output or known to ssh, else ask'
strict\t'Accept only known or verified keys'
accept-new\t'Accept a new key with a notice, unless the console output contradicts it'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l no-share-key -d 'Push a key for this connection alone, instead of sharing one with others to the instance'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -s 4 -l ipv4 -d 'Use IPv4 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -s 6 -l ipv6 -d 'Use IPv6 only, for a direct connection'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l newest -d 'Use the match that was launched last'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l oldest -d 'Use the match that was launched first'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l start -d 'Start a stopped instance, wait for it and connect'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l offline -d 'Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -l yes -d 'Do not ask before starting an instance (with --start)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand metadata" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -f -a "list" -d 'List every key and RDP certificate, and how it came to be trusted'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -f -a "forget" -d 'Forget the keys, and the RDP certificate, of an instance that has new ones'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -f -a "answer" -d 'Print the lines for ssh\'s KnownHostsCommand: %I %H %K'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -f -a "add" -d 'Trust a key that you have read on the instance itself'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and not __fish_seen_subcommand_from list forget answer add help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from list" -l json -d 'Print JSON for other programs'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from forget" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from forget" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from answer" -l agent -d 'Path of the ProxyCommand\'s agent' -r -F
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from answer" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from add" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from add" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from help" -f -a "list" -d 'List every key and RDP certificate, and how it came to be trusted'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from help" -f -a "forget" -d 'Forget the keys, and the RDP certificate, of an instance that has new ones'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from help" -f -a "answer" -d 'Print the lines for ssh\'s KnownHostsCommand: %I %H %K'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from help" -f -a "add" -d 'Trust a key that you have read on the instance itself'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand known-hosts; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -s v -l verbose -d 'Show steps with timings; -vv adds the libraries\' tracing'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -s q -l quiet -d 'Show nothing but errors'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -f -a "print" -d 'Print the block without installing it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -f -a "install" -d 'Add the block to ~/.ssh/config, or replace the existing one'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -f -a "remove" -d 'Remove the block from ~/.ssh/config'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and not __fish_seen_subcommand_from print install remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l match -d 'Names to treat as instances besides i-* and those of earlier installs: \'web-*\', or \'*.ec2\' for names with that suffix' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l via -d 'Use this route to the instances' -r -f -a "auto\t'Last working route first, then direct, EICE and SSM; the first that answers wins'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint (EICE)'
ssm\t'AWS Systems Manager Session Manager (SSM)'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l address -d 'Connect to this kind of address' -r -f -a "auto\t'Public DNS name or IPv4 address, then IPv6; the private address only if there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The instance\'s IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -l host-keys -d 'Handle new host keys by this policy' -r -f -a "auto\t'Accept a key that is known, verified by the console output or known to ssh, else ask'
strict\t'Accept only known or verified keys'
accept-new\t'Accept a new key with a notice, unless the console output contradicts it'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from print" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l profile -d 'Use this profile of the shared AWS config' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l region -d 'Look for instances in this region' -x -a "(__fish_ec2ssh_instances)"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l match -d 'Names to treat as instances besides i-* and those of earlier installs: \'web-*\', or \'*.ec2\' for names with that suffix' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -s l -l user -d 'Log in as this user' -r
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l via -d 'Use this route to the instances' -r -f -a "auto\t'Last working route first, then direct, EICE and SSM; the first that answers wins'
direct\t'TCP to an address of the instance'
eice\t'An EC2 Instance Connect Endpoint (EICE)'
ssm\t'AWS Systems Manager Session Manager (SSM)'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l address -d 'Connect to this kind of address' -r -f -a "auto\t'Public DNS name or IPv4 address, then IPv6; the private address only if there is neither'
public\t'The public DNS name, else the public IPv4 address'
private\t'The private IPv4 address (VPN, peering, inside the VPC)'
ipv6\t'The instance\'s IPv6 address'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l host-keys -d 'Handle new host keys by this policy' -r -f -a "auto\t'Accept a key that is known, verified by the console output or known to ssh, else ask'
strict\t'Accept only known or verified keys'
accept-new\t'Accept a new key with a notice, unless the console output contradicts it'"
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -l dry-run -d 'Show the change without making it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from remove" -l dry-run -d 'Show the change without making it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "print" -d 'Print the block without installing it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "install" -d 'Add the block to ~/.ssh/config, or replace the existing one'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove the block from ~/.ssh/config'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand completions" -s h -l help -d 'Print help'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "ssh" -d 'Open a shell or run a command on an instance (`ssh` may be left out)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "proxy" -d 'Connect standard input and output to an instance\'s SSH port, for ssh_config'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "forward" -d 'Forward ports of an instance, or of hosts behind it; reconnects by itself'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "ssm" -d 'Open a shell or run a command through Session Manager: no SSH, user or key is needed'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "rdp" -d 'Open the desktop of a Windows instance: tunnel, password, certificate, client'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "serial" -d 'Open the serial console of an instance'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "list" -d 'List instances in a table'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "info" -d 'Show all that AWS knows of an instance: addresses, groups, agent, user data, console'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "doctor" -d 'Find out why an instance cannot be connected to, and what to type'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "metadata" -d 'Ask an instance for its metadata (IMDSv2), over SSH'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "known-hosts" -d 'List, add or forget trusted host keys'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "config" -d 'Configure OpenSSH to reach instances by name (~/.ssh/config)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and not __fish_seen_subcommand_from ssh proxy forward ssm rdp serial list info doctor metadata known-hosts config completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from known-hosts" -f -a "list" -d 'List every key and RDP certificate, and how it came to be trusted'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from known-hosts" -f -a "forget" -d 'Forget the keys, and the RDP certificate, of an instance that has new ones'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from known-hosts" -f -a "answer" -d 'Print the lines for ssh\'s KnownHostsCommand: %I %H %K'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from known-hosts" -f -a "add" -d 'Trust a key that you have read on the instance itself'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "print" -d 'Print the block without installing it'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "install" -d 'Add the block to ~/.ssh/config, or replace the existing one'
complete -c ec2ssh -n "__fish_ec2ssh_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "remove" -d 'Remove the block from ~/.ssh/config'

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
