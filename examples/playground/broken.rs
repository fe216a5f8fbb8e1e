//! Broken worlds: `-- broken` lists them, `-- broken NAME` builds one and runs `ec2ssh doctor` in it.

use std::io::IsTerminal;
use std::process::ExitCode;

use ec2ssh_lab::broken::{Broken, CALLER, ID, NAME, WORLDS};
use ec2ssh_lab::{Cloud, Image};

use crate::folder::Folder;
use crate::{Playground, cleanup, code};

/// Lists the worlds, or runs the doctor in the one with this name and then a shell.
pub(crate) fn run(words: &[String]) -> std::io::Result<ExitCode> {
    let Some(broken) = words.first().and_then(|name| WORLDS.iter().find(|world| world.name == name)) else {
        eprintln!("Worlds with something in the way. To look at one: cargo run --example playground -- broken NAME\n");
        WORLDS.iter().for_each(|world| eprintln!("  {:<34} {}", world.name, world.causes.join(", ")));
        return Ok(ExitCode::from(u8::from(!words.is_empty()) * 2));
    };
    let folder = Folder::create()?;
    let cloud = Cloud::start();
    cleanup::at_signals(&cloud, folder.path());
    build(broken, &cloud, &folder)?;
    let playground = Playground { folder: &folder, cloud: &cloud };
    let mut command = playground.command(&folder.ec2ssh());
    let arguments = broken.arguments.split_whitespace();
    command.args(["doctor", "--from", CALLER]).args(arguments.clone()).arg(NAME);
    eprintln!("$ ec2ssh doctor --from {CALLER} {}{NAME}", arguments.map(|word| format!("{word} ")).collect::<String>());
    let status = command.status()?;
    if !std::io::stdin().is_terminal() {
        return Ok(code(status));
    }
    eprintln!(
        "\nThe world is still there, with {NAME} in it. Try: ec2ssh {NAME}, ec2ssh doctor -v {NAME}. The end: exit\n"
    );
    let status = playground.command(&folder.shell()).args(folder.shell_arguments()).status()?;
    Ok(code(status))
}

fn build(broken: &Broken, cloud: &Cloud, folder: &Folder) -> std::io::Result<()> {
    cloud.add_image(Image {
        id: "ami-0a1b2c3d4e5f60718".to_owned(),
        name: "al2023-ami-2023.5.20241001.1-kernel-6.1-x86_64".to_owned(),
        owner: "137112412989".to_owned(),
        description: "Amazon Linux 2023".to_owned(),
    });
    let port = broken.build(cloud);
    let config = port.map_or(String::new(), |port| format!("[[host]]\nmatch = \"{ID}\"\nport = {port}\n"));
    folder.write_config(&config)
}
