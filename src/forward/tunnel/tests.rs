//! Tests of the tunnel on a paused clock: an hour, losses, backoff, waking.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::*;

/// An opener whose connections echo, and that opens nothing after its end.
struct Echo(CancellationToken);

impl Opener for Echo {
    fn open<'a>(&'a self, _: &'a Destination, _: Option<SocketAddr>) -> BoxFuture<'a, Result<Opened, OpenError>> {
        Box::pin(async move {
            if self.0.is_cancelled() {
                return Err(OpenError { reason: Reason::Lost, message: "the tunnel has ended".to_owned() });
            }
            let (ours, theirs) = tokio::io::duplex(1024);
            let (mut from, mut to) = tokio::io::split(theirs);
            let ended = self.0.clone();
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy(&mut from, &mut to) => {}
                    () = ended.cancelled() => {}
                }
            });
            Ok(Opened { stream: Box::new(ours), closed: CancellationToken::new() })
        })
    }
}

/// The script of the next attempts.
enum Next {
    /// A tunnel that ends after some time, and announces it.
    Lives {
        seconds: u64,
        announced: u64,
    },
    Fails(&'static str),
}

struct Script(Vec<Next>, Rc<RefCell<usize>>);

impl Dial for Script {
    type Error = &'static str;

    async fn dial(&mut self, _: bool) -> Result<Live, &'static str> {
        *self.1.borrow_mut() += 1;
        sleep(Duration::from_millis(500)).await;
        let (seconds, announced) = match self.0.remove(0) {
            Next::Fails(why) => return Err(why),
            Next::Lives { seconds, announced } => (seconds, announced),
        };
        let ended = CancellationToken::new();
        let (opener, end) = (Arc::new(Echo(ended.clone())), ended.clone());
        tokio::spawn(async move {
            sleep(Duration::from_secs(seconds)).await;
            ended.cancel();
        });
        let is_over = end.clone();
        Ok(Live {
            opener,
            ended: Box::pin(async move {
                end.cancelled().await;
                "its time is over".to_owned()
            }),
            expires: Box::pin(sleep(Duration::from_secs(announced))),
            answers: Arc::new(move || Box::pin(std::future::ready(!is_over.is_cancelled()))),
        })
    }

    fn is_permanent(&self, error: &&'static str) -> bool {
        *error == "terminated"
    }
}

/// An announcement that never comes.
const NEVER: u64 = 1 << 30;

async fn asks(tunnel: &Tunnel) -> bool {
    let to = Destination::Tcp { host: "db".to_owned(), port: 1 };
    let Ok(Opened { mut stream, .. }) = tunnel.open(&to, None).await else { return false };
    stream.write_all(b"x").await.is_ok() && stream.read_u8().await.is_ok_and(|byte| byte == b'x')
}

/// Keeps a tunnel up by this script while `client` works; returns its result and the changes.
async fn kept<T>(
    script: Vec<Next>,
    client: impl AsyncFnOnce(Tunnel, watch::Sender<u64>) -> T,
) -> (T, Vec<Change>, usize) {
    let (tunnel, keeper) = tunnel();
    let (wake, woken) = watch::channel(0);
    let changes = RefCell::new(Vec::new());
    let attempts = Rc::<RefCell<usize>>::default();
    let keeping =
        keeper.keep(Script(script, Rc::clone(&attempts)), woken, false, |change| changes.borrow_mut().push(change));
    let result = tokio::select! {
        result = client(tunnel, wake) => result,
        ended = keeping => panic!("{ended:?}"),
    };
    (result, changes.into_inner(), *attempts.borrow())
}

/// The endpoint ends each tunnel after an hour, and nobody notices: connections that are asked for each second are served, and one
/// that is open is not cut by the replacement.
#[tokio::test(start_paused = true)]
async fn nobody_notices_the_hour() {
    let hour = || Next::Lives { seconds: 3600, announced: 3300 };
    let ((), changes, attempts) = kept(vec![hour(), hour(), hour(), hour()], async |tunnel, _wake| {
        sleep(Duration::from_secs(3295)).await;
        let to = Destination::Tcp { host: "db".to_owned(), port: 1 };
        let mut open = tunnel.open(&to, None).await.unwrap().stream;
        for _ in 0..200 {
            let begun = Instant::now();
            assert!(asks(&tunnel).await);
            assert!(begun.elapsed().is_zero(), "it had to wait");
            sleep(Duration::from_secs(1)).await;
            open.write_all(b"y").await.unwrap();
            assert_eq!(open.read_u8().await.unwrap(), b'y');
        }
        for _ in 0..7000 {
            assert!(asks(&tunnel).await);
            sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert_eq!(changes, [Change::Up, Change::Renewed, Change::Renewed, Change::Renewed]);
    assert_eq!(attempts, 4);
}

/// A client that keeps asking is served after each of five losses, and is never refused: a request that is cut by a loss succeeds when
/// it is made again.
#[tokio::test(start_paused = true)]
async fn client_survives_five_losses() {
    let script = (0..6).map(|_| Next::Lives { seconds: 60, announced: NEVER }).collect();
    let ((), changes, _) = kept(script, async |tunnel, _wake| {
        let until = Instant::now() + Duration::from_secs(320);
        while Instant::now() < until {
            assert!(asks(&tunnel).await || asks(&tunnel).await);
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let count = |kind: fn(&Change) -> bool| changes.iter().filter(|change| kind(change)).count();
    assert_eq!(count(|change| matches!(change, Change::Lost(_))), 5);
    assert_eq!(count(|change| matches!(change, Change::Back(_))), 5);
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_are_said_once() {
    let mut script = vec![Next::Lives { seconds: 60, announced: NEVER }];
    script.extend((0..8).map(|_| Next::Fails("no route")));
    script.push(Next::Lives { seconds: 60, announced: NEVER });
    let (waited, changes, attempts) = kept(script, async |tunnel, _wake| {
        sleep(Duration::from_secs(61)).await;
        let begun = Instant::now();
        assert!(!asks(&tunnel).await, "it waits for 30 s at most");
        assert_eq!(begun.elapsed(), WAIT_TIMEOUT);
        while !asks(&tunnel).await {}
        begun.elapsed().as_secs()
    })
    .await;
    // 0.25 + 0.5 + 1 + 2 + 4 + 8 + 16 + 30 s, each a quarter more or less.
    assert!((40..90).contains(&waited), "{waited}");
    assert_eq!(attempts, 10);
    assert!(matches!(&changes[..], [Change::Up, Change::Lost(_), Change::Failing(_), Change::Back(_)]), "{changes:?}");
}

/// After a sleep a long pause is over, and a dead connection is found out at once.
#[tokio::test(start_paused = true)]
async fn waking_ends_the_pause() {
    let mut script = vec![Next::Lives { seconds: 60, announced: NEVER }];
    script.extend((0..8).map(|_| Next::Fails("no route")));
    script.push(Next::Lives { seconds: 600, announced: NEVER });
    let ((), ..) = kept(script, async |tunnel, wake| {
        // In the middle of a pause of half a minute.
        sleep(Duration::from_secs(60 + 45)).await;
        wake.send_replace(1);
        sleep(Duration::from_secs(4)).await;
        wake.send_replace(2);
        let begun = Instant::now();
        assert!(asks(&tunnel).await);
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn permanent_failures_end_it() {
    let (_tunnel, keeper) = tunnel();
    let (_wake, woken) = watch::channel(0);
    let script =
        vec![Next::Lives { seconds: 60, announced: NEVER }, Next::Fails("no route"), Next::Fails("terminated")];
    let ended = keeper.keep(Script(script, Rc::default()), woken, false, |_| ()).await;
    assert_eq!(ended, Err("terminated"));
    let (_tunnel, keeper) = tunnel();
    let (_wake, woken) = watch::channel(0);
    let ended = keeper.keep(Script(vec![Next::Fails("no route")], Rc::default()), woken, false, |_| ()).await;
    assert_eq!(ended, Err("no route"), "the first attempt");
}

/// A renewal that fails is tried again while the tunnel lasts.
#[tokio::test(start_paused = true)]
async fn failed_renewal_is_repeated() {
    let script = vec![
        Next::Lives { seconds: 3600, announced: 3300 },
        Next::Fails("full"),
        Next::Fails("full"),
        Next::Lives { seconds: 3600, announced: 3300 },
    ];
    let ((), changes, _) = kept(script, async |tunnel, _wake| {
        for _ in 0..3700 {
            assert!(asks(&tunnel).await);
            sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert_eq!(changes, [Change::Up, Change::Renewed]);
}
