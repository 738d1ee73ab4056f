//! The control socket: calls from commands on this machine.
//!
//! One call on a connection: a line of JSON with a [`Call`], then lines of JSON
//! with [`Answer`]s, of which all but the last are [`Answer::Attached`], [`Answer::Progress`]
//! or [`Answer::Syncing`]. Who may open the socket (0600) may do everything.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::{Answer, Call, Failure, FailureKind, Node};
use crate::home::Home;
use crate::wire::MAX_DOCUMENT_BYTES;

/// Longest call, in bytes: a document whose every character is escaped.
const MAX_CALL_BYTES: u64 = 6 * MAX_DOCUMENT_BYTES as u64 + 1024;

/// Longest answer, in bytes: ten thousand entries of 20 kB.
const MAX_ANSWER_BYTES: u64 = 200 * 1024 * 1024;

/// Connections served at once.
const MAX_CONNECTIONS: usize = 64;

/// Between two reports of progress.
const REPORT: Duration = Duration::from_millis(200);

/// How long a caller may take to send its call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the control socket does not work.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No node listens.
    #[error("no node is running on this home: start one with `suq serve`")]
    NoNode,
    /// The node ended before it answered.
    #[error(
        "the node stopped before it answered: see its log, start it again with `suq serve`, and \
         repeat the command; a transfer goes on where it ended"
    )]
    Stopped,
    /// The node answered what it should not.
    #[error("the running node and this command do not understand each other: {0}")]
    Protocol(String),
    /// The system refused.
    #[error("{}: {source}", socket.display())]
    Io {
        /// The socket.
        socket: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The socket of a running node; gone when dropped.
pub(super) struct Socket {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.path);
    }
}

/// Listens for calls to a node. The home is locked, so an old socket is dead.
pub(super) fn listen(home: &Home, node: Node) -> Result<Socket, ControlError> {
    let path = home.socket_path();
    let failed = |source| ControlError::Io { socket: path.clone(), source };
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).map_err(failed)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let task = tokio::spawn(async move {
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else { continue };
            let node = node.clone();
            tokio::spawn(async move {
                let _permit = permit;
                if let Err(error) = serve(stream, &node).await {
                    tracing::debug!(%error, "a control connection ended early");
                }
            });
        }
    });
    Ok(Socket { path, task })
}

async fn serve(stream: UnixStream, node: &Node) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut limited = BufReader::new(reader.take(MAX_CALL_BYTES));
    tokio::time::timeout(CALL_TIMEOUT, limited.read_line(&mut line)).await??;
    let call: Call = match serde_json::from_str(&line) {
        Ok(call) => call,
        Err(error) => {
            let message = format!("not a call: {error}");
            let failure = Failure::new(FailureKind::Failed, message);
            return send(&mut writer, &Answer::Failed(failure)).await;
        }
    };
    let watched = call.clone();
    if let Call::Get { .. } = call
        && let Some(Answer::Progress(progress)) = node.progress(&call).await
    {
        send(&mut writer, &Answer::Attached(progress)).await?;
    }
    let answer = node.call(call);
    tokio::pin!(answer);
    let mut report = tokio::time::interval(REPORT);
    loop {
        tokio::select! {
            answer = &mut answer => return send(&mut writer, &answer).await,
            _ = report.tick() => {
                if let Some(progress) = node.progress(&watched).await {
                    send(&mut writer, &progress).await?;
                }
            }
        }
    }
}

async fn send(writer: &mut (impl AsyncWriteExt + Unpin), answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer).map_err(io::Error::other)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

/// Asks the node that runs on a home; `progress` hears how far it is.
///
/// # Errors
/// [`ControlError::NoNode`] when none runs.
pub async fn ask(
    home: &Home,
    call: &Call,
    mut progress: impl FnMut(Answer),
) -> Result<Answer, ControlError> {
    let path = home.socket_path();
    let failed = |source| ControlError::Io { socket: path.clone(), source };
    let stream = connect(&path).await?;
    let (reader, mut writer) = stream.into_split();
    let mut line = serde_json::to_vec(call).map_err(|e| failed(io::Error::other(e)))?;
    line.push(b'\n');
    writer.write_all(&line).await.map_err(failed)?;
    let mut lines = BufReader::new(reader.take(MAX_ANSWER_BYTES)).lines();
    while let Some(line) = next_line(&mut lines).await.map_err(failed)? {
        let answer = serde_json::from_str(&line);
        match answer.map_err(|error| ControlError::Protocol(error.to_string()))? {
            report @ (Answer::Attached(_) | Answer::Progress(_) | Answer::Syncing(_)) => {
                progress(report);
            }
            answer => return Ok(answer),
        }
    }
    Err(ControlError::Stopped)
}

/// The next line; none when the node is gone, however it went.
async fn next_line(
    lines: &mut tokio::io::Lines<impl tokio::io::AsyncBufRead + Unpin>,
) -> io::Result<Option<String>> {
    match lines.next_line().await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
        other => other,
    }
}

async fn connect(path: &Path) -> Result<UnixStream, ControlError> {
    UnixStream::connect(path).await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ControlError::NoNode,
        _ => ControlError::Io { socket: path.to_owned(), source },
    })
}
