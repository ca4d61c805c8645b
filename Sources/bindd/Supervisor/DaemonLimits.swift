// Every maximum and every wait of the supervisor, each with its reason. Limits of the protocol are in Wire.
// Must not hold anything that is not a limit. Cost: none, constants.

enum DaemonLimits {
    /// Connections waiting in the kernel: a wave of starting programs must not be refused.
    static let backlog: Int32 = 512
    /// Sockets between accept and hand-over, and control connections. Past it the silent ones of the process that has most
    /// are cut; where none is silent, accepting pauses and the backlog holds the rest.
    static let connectionsMax = 1024
    /// Of those one in so many goes at once: looking for them costs a pass over all.
    static let shedDivisor = 8
    /// Connections accepted in one turn of the loop, so that the others have their turn.
    static let acceptsPerTurn = 64
    /// Workers alive at once; each takes about 10 MB.
    static let workersMax = 512
    /// Workers that are starting at once; more of them on few cores only make all of them late.
    static let startingWorkersMax = 8
    /// Control answers waiting for something (obituaries, inspections) at once.
    static let waitersMax = 1024
    /// How much sooner than others a worker is ended when memory runs out (oom_score_adj, at most 1,000).
    static let workerOutOfMemoryScore = 800
    /// Descriptors that the supervisor asks the system for.
    static let descriptorsMax: UInt64 = 16_384

    /// From accept to the end of the first message, and for an answer that its reader does not take.
    static let messageDeadlineMs: UInt64 = 5_000
    /// A control connection that asks nothing.
    static let controlIdleMs: UInt64 = 30_000
    /// Before accepting again when descriptors or memory ran out.
    static let acceptPauseMs: UInt64 = 100
    /// From spawn to ready (3-12 ms normally).
    static let workerStartMs: UInt64 = 10_000
    /// The same when a journal is to be applied first: a large one takes seconds.
    static let workerRecoveryMs: UInt64 = 300_000
    /// Looks at whether a named workspace's journal is free, and the pause between two: at most 300 ms, after a supervisor's death.
    static let journalLockTries = 30
    static let journalLockPauseUs: UInt32 = 10_000
    /// Deaths in a row without progress, in this time, after which a workspace gets no new worker.
    static let fruitlessDeathsMax = 5
    static let fruitlessWindowMs: UInt64 = 180_000
    /// Before a new worker after the second death in a row, doubled each time.
    static let backOffMs: UInt64 = 50
    static let backOffMsMax: UInt64 = 2_000
    /// Workspaces kept without a worker; past it the oldest private one is given up.
    static let lostWorkspacesMax = 64
    /// Between looks at whether anybody is left who could want them.
    static let lostTickMs: UInt64 = 5_000
    /// Between looks at whether private workers have a client; one without at two of them is ended.
    static let abandonedTickMs: UInt64 = 500
    /// Between SIGTERM and SIGKILL.
    static let stopGraceMs: UInt64 = 2_000
    /// For a worker that is killed to tell what it was doing.
    static let lastWordsMs: UInt64 = 200
    /// An obituary is asked for a worker that is about to be reaped.
    static let obituaryWaitMs: UInt64 = 2_000
    /// A worker that is busy with one request for so long is not asked about handles.
    static let busyMs: UInt64 = 50
    /// A worker's answer about one handle; the whole inspection has 200 ms.
    static let handleInfoWaitMs: UInt64 = 150
    /// Workers write requests down for so long after `bindd trace` asked; it asks again each second.
    static let traceMs: UInt64 = 3_000
    /// Between looks at whether workers have taken the connections handed to them.
    static let adoptionTickMs: UInt64 = 20
    /// Without clients and without named workspaces, when nothing else is said.
    static let idleExitSecondsDefault: UInt64 = 30

    static let obituariesKept = 64
    /// Events that somebody who comes late can still be told, and their bytes: one is some 200, with a long path 8 KiB. Who asks
    /// for them has them waiting: 64 subscribers of 1.25 MiB each at worst.
    static let eventsKept = 1024
    static let eventBytesKept = 1 << 20
    /// Processes that are told of events at once, and files that each may have watched.
    static let subscribersMax = 64
    static let filesWatchedMax = 256
    /// Between something that happened in a folder and the look at its files: what is written at once is one change.
    static let filesRestMs: UInt64 = 100
    /// Files that are looked at in one piece of work, and folders of which files are looked at side by side: a mount that hangs keeps
    /// a thread for each of its folders.
    static let filesPerTurn = 32
    static let foldersAtOnce = 16
    /// A folder that took longer than this hangs: who listens is told. Less than a client that wants to listen waits (3 s).
    static let folderAnswerMs: UInt64 = 2_000
    /// What waits for one of them, beyond what the system holds: who reads more slowly is cut.
    static let eventBytesUnsentMax = 256 << 10
    /// Reports of crashes: each costs a process, and deaths may come as fast as somebody wants.
    static let reportsInTenSeconds = 10
    static let reportWritersMax = 4
    static let reportDeadlineMs: UInt64 = 20_000
    /// Frames that an obituary names; the report has all.
    static let framesNamed = 16
    static let stderrTailBytes = 4096
    static let handleInfoBytesMax = 64 << 10
    /// sun_path holds 107; the temporary name beside the socket needs some.
    static let socketPathBytesMax = 100
    /// A log of this size is set aside (.log.1) at the next start.
    static let logBytesMax: Int64 = 1 << 20
    /// Log lines about what peers can bring about at will, in ten seconds; the rest is counted and told in one line.
    static let boundedLogLinesMax = 100
    /// Why a worker cut a client, in the log.
    static let reasonCharactersMax = 300
}
