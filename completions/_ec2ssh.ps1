
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'ec2ssh' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'ec2ssh'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'ec2ssh' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Connect to this SSH port')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Connect to this SSH port')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Use this route to the instance')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Connect to this kind of address')
            [CompletionResult]::new('--eice-id', '--eice-id', [CompletionResultType]::ParameterName, 'Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest')
            [CompletionResult]::new('--max-tunnel-duration', '--max-tunnel-duration', [CompletionResultType]::ParameterName, 'End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Try again until the instance accepts the login, for this many seconds')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Forward a port from here: PORT:HOST:PORT, PORT (the same there), :PORT (any free one here), or socket paths')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Forward a port of the instance to here: PORT:HOST:PORT, socket paths, or PORT (SOCKS there)')
            [CompletionResult]::new('-D', '-D ', [CompletionResultType]::ParameterName, 'Forward wherever the clients of this port ask to go (SOCKS 4a and 5)')
            [CompletionResult]::new('-W', '-W ', [CompletionResultType]::ParameterName, 'Connect standard input and output to a port that the instance reaches, or to its Unix socket')
            [CompletionResult]::new('-J', '-J ', [CompletionResultType]::ParameterName, 'Go through these hosts: instances, or hosts that ssh knows')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Set an option of ssh_config(5), for example ServerAliveInterval=30')
            [CompletionResult]::new('-F', '-F ', [CompletionResultType]::ParameterName, 'Read this file in place of the usual ssh_config files; none reads none')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'Handle new host keys by this policy')
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Set the escape character: a character, ^ and a letter, or none')
            [CompletionResult]::new('--escape-char', '--escape-char', [CompletionResultType]::ParameterName, 'Set the escape character: a character, ^ and a letter, or none')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--no-share-key', '--no-share-key', [CompletionResultType]::ParameterName, 'Push a key for this connection alone, instead of sharing one with others to the instance')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only, for a direct connection')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only, for a direct connection')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only, for a direct connection')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only, for a direct connection')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Use the match that was launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Use the match that was launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance, wait for it and connect')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before starting an instance (with --start)')
            [CompletionResult]::new('-g', '-g', [CompletionResultType]::ParameterName, 'Let other hosts connect to forwarded ports here')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'Let the instance use the keys of your agent')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Do not let the instance use the keys of your agent (the default)')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Request a pty, also for a command; twice: even without a local terminal')
            [CompletionResult]::new('--tty', '--tty', [CompletionResultType]::ParameterName, 'Request a pty, also for a command; twice: even without a local terminal')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'Do not request a pty')
            [CompletionResult]::new('--no-tty', '--no-tty', [CompletionResultType]::ParameterName, 'Do not request a pty')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'Run no command; keep the connection open')
            [CompletionResult]::new('--no-command', '--no-command', [CompletionResultType]::ParameterName, 'Run no command; keep the connection open')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go to the background once logged in, with the forwards standing; needs a command or -N')
            [CompletionResult]::new('--background', '--background', [CompletionResultType]::ParameterName, 'Go to the background once logged in, with the forwards standing; needs a command or -N')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Request the subsystem that COMMAND names, for example sftp')
            [CompletionResult]::new('--subsystem', '--subsystem', [CompletionResultType]::ParameterName, 'Request the subsystem that COMMAND names, for example sftp')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Compress, on every route (Session Manager always compresses)')
            [CompletionResult]::new('--compress', '--compress', [CompletionResultType]::ParameterName, 'Compress, on every route (Session Manager always compresses)')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Do not read standard input')
            [CompletionResult]::new('--no-stdin', '--no-stdin', [CompletionResultType]::ParameterName, 'Do not read standard input')
            [CompletionResult]::new('-G', '-G ', [CompletionResultType]::ParameterName, 'Print the plan without connecting')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print the plan without connecting')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the plan as JSON (with --dry-run)')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Accepted as ssh does, and without effect: no X11, no GSSAPI, protocol 2')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('ssh', 'ssh', [CompletionResultType]::ParameterValue, 'Open a shell or run a command on an instance (`ssh` may be left out)')
            [CompletionResult]::new('proxy', 'proxy', [CompletionResultType]::ParameterValue, 'Connect standard input and output to an instance''s SSH port, for ssh_config')
            [CompletionResult]::new('forward', 'forward', [CompletionResultType]::ParameterValue, 'Forward ports of an instance, or of hosts behind it; reconnects by itself')
            [CompletionResult]::new('ssm', 'ssm', [CompletionResultType]::ParameterValue, 'Open a shell or run a command through Session Manager: no SSH, user or key is needed')
            [CompletionResult]::new('rdp', 'rdp', [CompletionResultType]::ParameterValue, 'Open the desktop of a Windows instance: tunnel, password, certificate, client')
            [CompletionResult]::new('serial', 'serial', [CompletionResultType]::ParameterValue, 'Open the serial console of an instance')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List instances in a table')
            [CompletionResult]::new('info', 'info', [CompletionResultType]::ParameterValue, 'Show all that AWS knows of an instance: addresses, groups, agent, user data, console')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Find out why an instance cannot be connected to, and what to type')
            [CompletionResult]::new('metadata', 'metadata', [CompletionResultType]::ParameterValue, 'Ask an instance for its metadata (IMDSv2), over SSH')
            [CompletionResult]::new('known-hosts', 'known-hosts', [CompletionResultType]::ParameterValue, 'List, add or forget trusted host keys')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Configure OpenSSH to reach instances by name (~/.ssh/config)')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ec2ssh;ssh' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Connect to this SSH port')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Connect to this SSH port')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Use this route to the instance')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Connect to this kind of address')
            [CompletionResult]::new('--eice-id', '--eice-id', [CompletionResultType]::ParameterName, 'Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest')
            [CompletionResult]::new('--max-tunnel-duration', '--max-tunnel-duration', [CompletionResultType]::ParameterName, 'End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Try again until the instance accepts the login, for this many seconds')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Forward a port from here: PORT:HOST:PORT, PORT (the same there), :PORT (any free one here), or socket paths')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Forward a port of the instance to here: PORT:HOST:PORT, socket paths, or PORT (SOCKS there)')
            [CompletionResult]::new('-D', '-D ', [CompletionResultType]::ParameterName, 'Forward wherever the clients of this port ask to go (SOCKS 4a and 5)')
            [CompletionResult]::new('-W', '-W ', [CompletionResultType]::ParameterName, 'Connect standard input and output to a port that the instance reaches, or to its Unix socket')
            [CompletionResult]::new('-J', '-J ', [CompletionResultType]::ParameterName, 'Go through these hosts: instances, or hosts that ssh knows')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Set an option of ssh_config(5), for example ServerAliveInterval=30')
            [CompletionResult]::new('-F', '-F ', [CompletionResultType]::ParameterName, 'Read this file in place of the usual ssh_config files; none reads none')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'Handle new host keys by this policy')
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Set the escape character: a character, ^ and a letter, or none')
            [CompletionResult]::new('--escape-char', '--escape-char', [CompletionResultType]::ParameterName, 'Set the escape character: a character, ^ and a letter, or none')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--no-share-key', '--no-share-key', [CompletionResultType]::ParameterName, 'Push a key for this connection alone, instead of sharing one with others to the instance')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only, for a direct connection')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only, for a direct connection')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only, for a direct connection')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only, for a direct connection')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Use the match that was launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Use the match that was launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance, wait for it and connect')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before starting an instance (with --start)')
            [CompletionResult]::new('-g', '-g', [CompletionResultType]::ParameterName, 'Let other hosts connect to forwarded ports here')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'Let the instance use the keys of your agent')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Do not let the instance use the keys of your agent (the default)')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Request a pty, also for a command; twice: even without a local terminal')
            [CompletionResult]::new('--tty', '--tty', [CompletionResultType]::ParameterName, 'Request a pty, also for a command; twice: even without a local terminal')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'Do not request a pty')
            [CompletionResult]::new('--no-tty', '--no-tty', [CompletionResultType]::ParameterName, 'Do not request a pty')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'Run no command; keep the connection open')
            [CompletionResult]::new('--no-command', '--no-command', [CompletionResultType]::ParameterName, 'Run no command; keep the connection open')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go to the background once logged in, with the forwards standing; needs a command or -N')
            [CompletionResult]::new('--background', '--background', [CompletionResultType]::ParameterName, 'Go to the background once logged in, with the forwards standing; needs a command or -N')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Request the subsystem that COMMAND names, for example sftp')
            [CompletionResult]::new('--subsystem', '--subsystem', [CompletionResultType]::ParameterName, 'Request the subsystem that COMMAND names, for example sftp')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Compress, on every route (Session Manager always compresses)')
            [CompletionResult]::new('--compress', '--compress', [CompletionResultType]::ParameterName, 'Compress, on every route (Session Manager always compresses)')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Do not read standard input')
            [CompletionResult]::new('--no-stdin', '--no-stdin', [CompletionResultType]::ParameterName, 'Do not read standard input')
            [CompletionResult]::new('-G', '-G ', [CompletionResultType]::ParameterName, 'Print the plan without connecting')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print the plan without connecting')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the plan as JSON (with --dry-run)')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Accepted as ssh does, and without effect: no X11, no GSSAPI, protocol 2')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;proxy' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Connect to this SSH port')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Connect to this SSH port')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Use this route to the instance')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Connect to this kind of address')
            [CompletionResult]::new('--eice-id', '--eice-id', [CompletionResultType]::ParameterName, 'Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest')
            [CompletionResult]::new('--max-tunnel-duration', '--max-tunnel-duration', [CompletionResultType]::ParameterName, 'End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Try again until the instance accepts the login, for this many seconds')
            [CompletionResult]::new('--agent', '--agent', [CompletionResultType]::ParameterName, 'Make a key, push it, and serve it to ssh as an agent at this path (its IdentityAgent)')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'Handle new host keys by this policy')
            [CompletionResult]::new('--suffix', '--suffix', [CompletionResultType]::ParameterName, 'Remove this suffix from TARGET')
            [CompletionResult]::new('--typed', '--typed', [CompletionResultType]::ParameterName, 'TARGET as it was typed (%n), in case ssh has changed it to lower case (%h)')
            [CompletionResult]::new('--known-hosts', '--known-hosts', [CompletionResultType]::ParameterName, 'Write the host keys to this file, for ssh before 8.5')
            [CompletionResult]::new('--owner', '--owner', [CompletionResultType]::ParameterName, 'Process id of the ssh that a detached agent serves')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--no-share-key', '--no-share-key', [CompletionResultType]::ParameterName, 'Push a key for this connection alone, instead of sharing one with others to the instance')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only, for a direct connection')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only, for a direct connection')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only, for a direct connection')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only, for a direct connection')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Use the match that was launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Use the match that was launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance, wait for it and connect')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before starting an instance (with --start)')
            [CompletionResult]::new('--fdpass', '--fdpass', [CompletionResultType]::ParameterName, 'Pass the connected socket to ssh (ProxyUseFdpass yes)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;forward' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Connect to this SSH port')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Connect to this SSH port')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Use this route to the instance')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Connect to this kind of address')
            [CompletionResult]::new('--eice-id', '--eice-id', [CompletionResultType]::ParameterName, 'Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest')
            [CompletionResult]::new('--max-tunnel-duration', '--max-tunnel-duration', [CompletionResultType]::ParameterName, 'End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Try again until the instance accepts the login, for this many seconds')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Set an option of ssh_config(5), for example ServerAliveInterval=30')
            [CompletionResult]::new('-F', '-F ', [CompletionResultType]::ParameterName, 'Read this file in place of the usual ssh_config files; none reads none')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'Handle new host keys by this policy')
            [CompletionResult]::new('-J', '-J ', [CompletionResultType]::ParameterName, 'Go through these hosts: instances, or hosts that ssh knows')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Listen on this address instead of 127.0.0.1 and ::1; * is all addresses')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--no-share-key', '--no-share-key', [CompletionResultType]::ParameterName, 'Push a key for this connection alone, instead of sharing one with others to the instance')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only, for a direct connection')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only, for a direct connection')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only, for a direct connection')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only, for a direct connection')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Use the match that was launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Use the match that was launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance, wait for it and connect')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before starting an instance (with --start)')
            [CompletionResult]::new('--no-login', '--no-login', [CompletionResultType]::ParameterName, 'Forward without a login, by Session Manager''s port sessions or an endpoint: no user, key or sshd is needed')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'End when the connection is lost, instead of connecting again')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;ssm' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Try again for this many seconds while the instance is not ready (without a number: 300)')
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Set the escape character: a character, ^ and a letter, or none')
            [CompletionResult]::new('--escape-char', '--escape-char', [CompletionResultType]::ParameterName, 'Set the escape character: a character, ^ and a letter, or none')
            [CompletionResult]::new('--document', '--document', [CompletionResultType]::ParameterName, 'Use this document of Session Manager, instead of the account''s for shells')
            [CompletionResult]::new('--parameter', '--parameter', [CompletionResultType]::ParameterName, 'Set a parameter of the document; several times for a list')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Have the service record this reason for the session')
            [CompletionResult]::new('--request-access', '--request-access', [CompletionResultType]::ParameterName, 'Request just-in-time access for this reason where StartSession is denied, and wait for the approval')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Use the match that was launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Use the match that was launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance and wait for it')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer questions with yes')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Run COMMAND in a terminal of its own')
            [CompletionResult]::new('--tty', '--tty', [CompletionResultType]::ParameterName, 'Run COMMAND in a terminal of its own')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Do not read standard input; needed in a loop that reads from it')
            [CompletionResult]::new('--no-stdin', '--no-stdin', [CompletionResultType]::ParameterName, 'Do not read standard input; needed in a loop that reads from it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;rdp' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Try again for this many seconds while the instance is not ready (without a number: 300)')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user (without it: Administrator, the only one whose password EC2 knows)')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user (without it: Administrator, the only one whose password EC2 knows)')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Decrypt the password with this key file (a .pem must have mode 0400); without it, the key pair''s in ~/.ssh')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'Decrypt the password with this key file (a .pem must have mode 0400); without it, the key pair''s in ~/.ssh')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Connect to this port of the instance')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Connect to this port of the instance')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Use this route only: eice, ssm or direct; auto tries them in this order')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'Handle a certificate that the console does not vouch for: auto asks, strict refuses, accept-new trusts the first one')
            [CompletionResult]::new('--thumbprint', '--thumbprint', [CompletionResultType]::ParameterName, 'Trust the certificate with this SHA-1 thumbprint, and no other')
            [CompletionResult]::new('--local-port', '--local-port', [CompletionResultType]::ParameterName, 'Listen on this local port, instead of a free one')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Use the match that was launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Use the match that was launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance and wait for it')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer questions with yes')
            [CompletionResult]::new('--print', '--print', [CompletionResultType]::ParameterName, 'Open the tunnel, print its address and start no client')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Print the password and stop')
            [CompletionResult]::new('--copy', '--copy', [CompletionResultType]::ParameterName, 'Put the password on the clipboard')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;serial' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Try again for this many seconds while the instance is not ready (without a number: 300)')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'Handle a host key that AWS has not published: auto asks, strict refuses')
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Set the escape character of ssh: a character, ^ and a letter, or none')
            [CompletionResult]::new('--escape-char', '--escape-char', [CompletionResultType]::ParameterName, 'Set the escape character of ssh: a character, ^ and a letter, or none')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Give ssh this option, for example ProxyJump=HOST')
            [CompletionResult]::new('-F', '-F ', [CompletionResultType]::ParameterName, 'Give ssh this configuration file; none for no file')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Use the match that was launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Use the match that was launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance and wait for it')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer questions with yes')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;list' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON with every field')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;info' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('--screenshot', '--screenshot', [CompletionResultType]::ParameterName, 'Write a picture of the screen (JPEG) to this file')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the report as JSON')
            [CompletionResult]::new('--user-data', '--user-data', [CompletionResultType]::ParameterName, 'Write the user data, unpacked, to standard output')
            [CompletionResult]::new('--console', '--console', [CompletionResultType]::ParameterName, 'Write the console output to standard output')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;doctor' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Look at the login of this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Look at the login of this user')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Look at this SSH port')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Look at this SSH port')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Look at the login with this key file')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'Look at the login with this key file')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Look at this route only')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Look at this kind of address')
            [CompletionResult]::new('--eice-id', '--eice-id', [CompletionResultType]::ParameterName, 'Look at this EC2 Instance Connect Endpoint (EICE)')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Judge the rules for this address, instead of this machine''s')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--no-checkip', '--no-checkip', [CompletionResultType]::ParameterName, 'Ask no service for this machine''s public address')
            [CompletionResult]::new('--login', '--login', [CompletionResultType]::ParameterName, 'Log in as well, which may push a key')
            [CompletionResult]::new('--fix', '--fix', [CompletionResultType]::ParameterName, 'Offer to mend what can be mended safely, one by one')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the report as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;metadata' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Connect to this SSH port')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Connect to this SSH port')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Use this route to the instance')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Connect to this kind of address')
            [CompletionResult]::new('--eice-id', '--eice-id', [CompletionResultType]::ParameterName, 'Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest')
            [CompletionResult]::new('--max-tunnel-duration', '--max-tunnel-duration', [CompletionResultType]::ParameterName, 'End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Try again until the instance accepts the login, for this many seconds')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'How to treat a host key that is not known yet')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--no-share-key', '--no-share-key', [CompletionResultType]::ParameterName, 'Push a key for this connection alone, instead of sharing one with others to the instance')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only, for a direct connection')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only, for a direct connection')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only, for a direct connection')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only, for a direct connection')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Use the match that was launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Use the match that was launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance, wait for it and connect')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before starting an instance (with --start)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;known-hosts' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List every key and RDP certificate, and how it came to be trusted')
            [CompletionResult]::new('forget', 'forget', [CompletionResultType]::ParameterValue, 'Forget the keys, and the RDP certificate, of an instance that has new ones')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'Print the lines for ssh''s KnownHostsCommand: %I %H %K')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Trust a key that you have read on the instance itself')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ec2ssh;known-hosts;list' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON for other programs')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;known-hosts;forget' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;known-hosts;answer' {
            [CompletionResult]::new('--agent', '--agent', [CompletionResultType]::ParameterName, 'Path of the ProxyCommand''s agent')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;known-hosts;add' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;known-hosts;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List every key and RDP certificate, and how it came to be trusted')
            [CompletionResult]::new('forget', 'forget', [CompletionResultType]::ParameterValue, 'Forget the keys, and the RDP certificate, of an instance that has new ones')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'Print the lines for ssh''s KnownHostsCommand: %I %H %K')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Trust a key that you have read on the instance itself')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ec2ssh;known-hosts;help;list' {
            break
        }
        'ec2ssh;known-hosts;help;forget' {
            break
        }
        'ec2ssh;known-hosts;help;answer' {
            break
        }
        'ec2ssh;known-hosts;help;add' {
            break
        }
        'ec2ssh;known-hosts;help;help' {
            break
        }
        'ec2ssh;config' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show steps with timings; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Show nothing but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('print', 'print', [CompletionResultType]::ParameterValue, 'Print the block without installing it')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Add the block to ~/.ssh/config, or replace the existing one')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove the block from ~/.ssh/config')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ec2ssh;config;print' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('--match', '--match', [CompletionResultType]::ParameterName, 'Names to treat as instances besides i-* and those of earlier installs: ''web-*'', or ''*.ec2'' for names with that suffix')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Use this route to the instances')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Connect to this kind of address')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'Handle new host keys by this policy')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;config;install' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Use this profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Look for instances in this region')
            [CompletionResult]::new('--match', '--match', [CompletionResultType]::ParameterName, 'Names to treat as instances besides i-* and those of earlier installs: ''web-*'', or ''*.ec2'' for names with that suffix')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Use this route to the instances')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Connect to this kind of address')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'Handle new host keys by this policy')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the change without making it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;config;remove' {
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the change without making it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;config;help' {
            [CompletionResult]::new('print', 'print', [CompletionResultType]::ParameterValue, 'Print the block without installing it')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Add the block to ~/.ssh/config, or replace the existing one')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove the block from ~/.ssh/config')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ec2ssh;config;help;print' {
            break
        }
        'ec2ssh;config;help;install' {
            break
        }
        'ec2ssh;config;help;remove' {
            break
        }
        'ec2ssh;config;help;help' {
            break
        }
        'ec2ssh;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;help' {
            [CompletionResult]::new('ssh', 'ssh', [CompletionResultType]::ParameterValue, 'Open a shell or run a command on an instance (`ssh` may be left out)')
            [CompletionResult]::new('proxy', 'proxy', [CompletionResultType]::ParameterValue, 'Connect standard input and output to an instance''s SSH port, for ssh_config')
            [CompletionResult]::new('forward', 'forward', [CompletionResultType]::ParameterValue, 'Forward ports of an instance, or of hosts behind it; reconnects by itself')
            [CompletionResult]::new('ssm', 'ssm', [CompletionResultType]::ParameterValue, 'Open a shell or run a command through Session Manager: no SSH, user or key is needed')
            [CompletionResult]::new('rdp', 'rdp', [CompletionResultType]::ParameterValue, 'Open the desktop of a Windows instance: tunnel, password, certificate, client')
            [CompletionResult]::new('serial', 'serial', [CompletionResultType]::ParameterValue, 'Open the serial console of an instance')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List instances in a table')
            [CompletionResult]::new('info', 'info', [CompletionResultType]::ParameterValue, 'Show all that AWS knows of an instance: addresses, groups, agent, user data, console')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Find out why an instance cannot be connected to, and what to type')
            [CompletionResult]::new('metadata', 'metadata', [CompletionResultType]::ParameterValue, 'Ask an instance for its metadata (IMDSv2), over SSH')
            [CompletionResult]::new('known-hosts', 'known-hosts', [CompletionResultType]::ParameterValue, 'List, add or forget trusted host keys')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Configure OpenSSH to reach instances by name (~/.ssh/config)')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ec2ssh;help;ssh' {
            break
        }
        'ec2ssh;help;proxy' {
            break
        }
        'ec2ssh;help;forward' {
            break
        }
        'ec2ssh;help;ssm' {
            break
        }
        'ec2ssh;help;rdp' {
            break
        }
        'ec2ssh;help;serial' {
            break
        }
        'ec2ssh;help;list' {
            break
        }
        'ec2ssh;help;info' {
            break
        }
        'ec2ssh;help;doctor' {
            break
        }
        'ec2ssh;help;metadata' {
            break
        }
        'ec2ssh;help;known-hosts' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List every key and RDP certificate, and how it came to be trusted')
            [CompletionResult]::new('forget', 'forget', [CompletionResultType]::ParameterValue, 'Forget the keys, and the RDP certificate, of an instance that has new ones')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'Print the lines for ssh''s KnownHostsCommand: %I %H %K')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Trust a key that you have read on the instance itself')
            break
        }
        'ec2ssh;help;known-hosts;list' {
            break
        }
        'ec2ssh;help;known-hosts;forget' {
            break
        }
        'ec2ssh;help;known-hosts;answer' {
            break
        }
        'ec2ssh;help;known-hosts;add' {
            break
        }
        'ec2ssh;help;config' {
            [CompletionResult]::new('print', 'print', [CompletionResultType]::ParameterValue, 'Print the block without installing it')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Add the block to ~/.ssh/config, or replace the existing one')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove the block from ~/.ssh/config')
            break
        }
        'ec2ssh;help;config;print' {
            break
        }
        'ec2ssh;help;config;install' {
            break
        }
        'ec2ssh;help;config;remove' {
            break
        }
        'ec2ssh;help;completions' {
            break
        }
        'ec2ssh;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
