
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
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Region to look in')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'SSH port')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'SSH port')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'How to reach it')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Which address to connect to')
            [CompletionResult]::new('--eice-id', '--eice-id', [CompletionResultType]::ParameterName, 'The EC2 Instance Connect Endpoint to go through, instead of the nearest')
            [CompletionResult]::new('--max-tunnel-duration', '--max-tunnel-duration', [CompletionResultType]::ParameterName, 'End a tunnel through an endpoint after so many seconds (1 to 3600), where a policy demands it')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'How a new host key is treated')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'IPv4 only, for a direct connection')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'IPv4 only, for a direct connection')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'IPv6 only, for a direct connection')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'IPv6 only, for a direct connection')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Among several matches take the one launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Among several matches take the one launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance, wait for it, connect')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to the question whether to start')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Ask for a terminal, also for a command; twice: even without one here')
            [CompletionResult]::new('--tty', '--tty', [CompletionResultType]::ParameterName, 'Ask for a terminal, also for a command; twice: even without one here')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'Ask for no terminal')
            [CompletionResult]::new('--no-tty', '--no-tty', [CompletionResultType]::ParameterName, 'Ask for no terminal')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'Run nothing; keep the connection')
            [CompletionResult]::new('--no-command', '--no-command', [CompletionResultType]::ParameterName, 'Run nothing; keep the connection')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Do not read standard input')
            [CompletionResult]::new('--no-stdin', '--no-stdin', [CompletionResultType]::ParameterName, 'Do not read standard input')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would be done, and stop')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'With --dry-run: as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('ssh', 'ssh', [CompletionResultType]::ParameterValue, 'A shell or a command on an instance; the same as without `ssh`')
            [CompletionResult]::new('proxy', 'proxy', [CompletionResultType]::ParameterValue, 'Standard input and output to the instance''s SSH port, for ssh_config')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'The instances as a table')
            [CompletionResult]::new('known-hosts', 'known-hosts', [CompletionResultType]::ParameterValue, 'The host keys that are trusted')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Has plain `ssh` reach instances by name: a block in ~/.ssh/config')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'The completion script of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ec2ssh;ssh' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Region to look in')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'SSH port')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'SSH port')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'How to reach it')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Which address to connect to')
            [CompletionResult]::new('--eice-id', '--eice-id', [CompletionResultType]::ParameterName, 'The EC2 Instance Connect Endpoint to go through, instead of the nearest')
            [CompletionResult]::new('--max-tunnel-duration', '--max-tunnel-duration', [CompletionResultType]::ParameterName, 'End a tunnel through an endpoint after so many seconds (1 to 3600), where a policy demands it')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'How a new host key is treated')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'IPv4 only, for a direct connection')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'IPv4 only, for a direct connection')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'IPv6 only, for a direct connection')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'IPv6 only, for a direct connection')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Among several matches take the one launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Among several matches take the one launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance, wait for it, connect')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to the question whether to start')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Ask for a terminal, also for a command; twice: even without one here')
            [CompletionResult]::new('--tty', '--tty', [CompletionResultType]::ParameterName, 'Ask for a terminal, also for a command; twice: even without one here')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'Ask for no terminal')
            [CompletionResult]::new('--no-tty', '--no-tty', [CompletionResultType]::ParameterName, 'Ask for no terminal')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'Run nothing; keep the connection')
            [CompletionResult]::new('--no-command', '--no-command', [CompletionResultType]::ParameterName, 'Run nothing; keep the connection')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Do not read standard input')
            [CompletionResult]::new('--no-stdin', '--no-stdin', [CompletionResultType]::ParameterName, 'Do not read standard input')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would be done, and stop')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'With --dry-run: as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;proxy' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Region to look in')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'SSH port')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'SSH port')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'Use this key file instead of a pushed key (a .pem must have mode 0400)')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'How to reach it')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Which address to connect to')
            [CompletionResult]::new('--eice-id', '--eice-id', [CompletionResultType]::ParameterName, 'The EC2 Instance Connect Endpoint to go through, instead of the nearest')
            [CompletionResult]::new('--max-tunnel-duration', '--max-tunnel-duration', [CompletionResultType]::ParameterName, 'End a tunnel through an endpoint after so many seconds (1 to 3600), where a policy demands it')
            [CompletionResult]::new('--agent', '--agent', [CompletionResultType]::ParameterName, 'Make a key, push it, and be ssh''s agent for it at this path (its IdentityAgent)')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'How a new host key is treated')
            [CompletionResult]::new('--suffix', '--suffix', [CompletionResultType]::ParameterName, 'A suffix of INSTANCE that is not part of it')
            [CompletionResult]::new('--typed', '--typed', [CompletionResultType]::ParameterName, 'INSTANCE as it was typed (%n), where ssh has made it lower case (%h)')
            [CompletionResult]::new('--known-hosts', '--known-hosts', [CompletionResultType]::ParameterName, 'Write the host keys into this file, for an ssh before 8.5')
            [CompletionResult]::new('--owner', '--owner', [CompletionResultType]::ParameterName, 'The ssh process that a detached agent is for')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'IPv4 only, for a direct connection')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'IPv4 only, for a direct connection')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'IPv6 only, for a direct connection')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'IPv6 only, for a direct connection')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Among several matches take the one launched last')
            [CompletionResult]::new('--oldest', '--oldest', [CompletionResultType]::ParameterName, 'Among several matches take the one launched first')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'Start a stopped instance, wait for it, connect')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Answer yes to the question whether to start')
            [CompletionResult]::new('--fdpass', '--fdpass', [CompletionResultType]::ParameterName, 'Hand ssh the connected socket (ProxyUseFdpass yes)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;list' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Region to look in')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'As JSON, every field')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;known-hosts' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Every key, and how it came to be trusted')
            [CompletionResult]::new('forget', 'forget', [CompletionResultType]::ParameterValue, 'Forget an instance''s keys: it was set up anew')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'The lines for ssh''s KnownHostsCommand: %I %H %K')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Trust a key that you have read on the instance itself')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ec2ssh;known-hosts;list' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'As JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;known-hosts;forget' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Region to look in')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;known-hosts;answer' {
            [CompletionResult]::new('--agent', '--agent', [CompletionResultType]::ParameterName, 'The agent of the ProxyCommand')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;known-hosts;add' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Region to look in')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;known-hosts;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Every key, and how it came to be trusted')
            [CompletionResult]::new('forget', 'forget', [CompletionResultType]::ParameterValue, 'Forget an instance''s keys: it was set up anew')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'The lines for ssh''s KnownHostsCommand: %I %H %K')
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
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell the steps with their times; -vv adds the libraries'' tracing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors and warnings')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('print', 'print', [CompletionResultType]::ParameterValue, 'Print it')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Write it into ~/.ssh/config, or in the place of the one there')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Take it out of ~/.ssh/config')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ec2ssh;config;print' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Region to look in')
            [CompletionResult]::new('--match', '--match', [CompletionResultType]::ParameterName, 'Names that are instances, beside i-*: ''web-*'', or ''*.ec2'' for any name with that suffix')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'How to reach the instances')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Which address to connect to')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'How a new host key is treated')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;config;install' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Profile of the shared AWS config')
            [CompletionResult]::new('--region', '--region', [CompletionResultType]::ParameterName, 'Region to look in')
            [CompletionResult]::new('--match', '--match', [CompletionResultType]::ParameterName, 'Names that are instances, beside i-*: ''web-*'', or ''*.ec2'' for any name with that suffix')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'How to reach the instances')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Which address to connect to')
            [CompletionResult]::new('--host-keys', '--host-keys', [CompletionResultType]::ParameterName, 'How a new host key is treated')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the change, and make none')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ec2ssh;config;remove' {
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the change, and make none')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'ec2ssh;config;help' {
            [CompletionResult]::new('print', 'print', [CompletionResultType]::ParameterValue, 'Print it')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Write it into ~/.ssh/config, or in the place of the one there')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Take it out of ~/.ssh/config')
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
            [CompletionResult]::new('ssh', 'ssh', [CompletionResultType]::ParameterValue, 'A shell or a command on an instance; the same as without `ssh`')
            [CompletionResult]::new('proxy', 'proxy', [CompletionResultType]::ParameterValue, 'Standard input and output to the instance''s SSH port, for ssh_config')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'The instances as a table')
            [CompletionResult]::new('known-hosts', 'known-hosts', [CompletionResultType]::ParameterValue, 'The host keys that are trusted')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Has plain `ssh` reach instances by name: a block in ~/.ssh/config')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'The completion script of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ec2ssh;help;ssh' {
            break
        }
        'ec2ssh;help;proxy' {
            break
        }
        'ec2ssh;help;list' {
            break
        }
        'ec2ssh;help;known-hosts' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Every key, and how it came to be trusted')
            [CompletionResult]::new('forget', 'forget', [CompletionResultType]::ParameterValue, 'Forget an instance''s keys: it was set up anew')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'The lines for ssh''s KnownHostsCommand: %I %H %K')
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
            [CompletionResult]::new('print', 'print', [CompletionResultType]::ParameterValue, 'Print it')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Write it into ~/.ssh/config, or in the place of the one there')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Take it out of ~/.ssh/config')
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
