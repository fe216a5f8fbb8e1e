//! Removes the folder when a signal ends the playground: the terminal is closed, or somebody stops it.

use std::path::Path;

use ec2ssh_lab::Cloud;

/// Removes the folder and ends this program at SIGTERM and SIGHUP. Ctrl-C goes to the session or the shell.
pub(crate) fn at_signals(cloud: &Cloud, folder: &Path) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let folder = folder.to_owned();
        let _entered = cloud.runtime().enter();
        let (Ok(mut terminated), Ok(mut hung_up), Ok(mut interrupted)) =
            (signal(SignalKind::terminate()), signal(SignalKind::hangup()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        cloud.runtime().spawn(async move { while interrupted.recv().await.is_some() {} });
        cloud.runtime().spawn(async move {
            let number = tokio::select! {
                _ = terminated.recv() => 15,
                _ = hung_up.recv() => 1,
            };
            let _ = std::fs::remove_dir_all(folder);
            std::process::exit(128 + number);
        });
    }
    #[cfg(not(unix))]
    let _ = (cloud, folder);
}
