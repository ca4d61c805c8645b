// Telling what happens to those who asked: workers and clients that come and go, handles that grow, files that others change.
// One answer for each event, on a control connection that stays. Must not wait for a reader: who does not take what it is told
// is cut, and can come again with the last number it had.
// Cost: nothing while nobody listens, but for the text of each event.

import CShim
import Glibc
import Wire

/// Somebody who is told.
final class Subscriber {
    let connection: Connection
    /// Files that it wants to hear of.
    let paths: [String]
    /// What waited for it when it came, of what it asked for itself; 0 once it has taken that.
    var backlogBytes = 0

    init(connection: Connection, paths: [String]) {
        self.connection = connection
        self.paths = paths
    }
}

extension Supervisor {
    func tell(_ event: String, _ members: [(String, JSONValue)]) {
        let text = board.add(event, at: bd_clock_realtime_ns(), members)
        for subscriber in subscribers.values { send(text, to: subscriber) }
    }

    private func send(_ text: String, to subscriber: Subscriber) {
        let connection = subscriber.connection
        connection.send(operation: Operation.control, flags: .reply, payload: answerPayload(text: text), closing: false)
        if connection.unsentBytes <= DaemonLimits.eventBytesUnsentMax { subscriber.backlogBytes = 0 }
        guard connection.unsentBytes > DaemonLimits.eventBytesUnsentMax + subscriber.backlogBytes else { return }
        connection.cut(reason: "does not read its events: \(connection.unsentBytes) bytes wait, the limit is \(DaemonLimits.eventBytesUnsentMax)")
    }

    /// Which daemon counts: a number of another one says nothing here.
    private var boardName: String { "\(getpid()) \(isoText(realtimeNs: board.beganNs))" }

    /// Arguments: after (int), the last number that the subscriber knows; daemon (str), whose number that is, where it knows;
    /// file0, file1 … (str), absolute paths. The head's `after` is the number behind which the events begin that follow.
    func subscribe(_ connection: Connection, _ arguments: [String: Literal]) {
        var after: UInt64?
        if case .int(let number) = arguments["after"], number >= 0 { after = UInt64(number) }
        if case .string(let other) = arguments["daemon"], other != boardName { after = 0 }
        var paths: [String] = []
        while case .string(let path) = arguments["file\(paths.count)"] { paths.append(path) }
        guard paths.count <= DaemonLimits.filesWatchedMax, paths.allSatisfy({ $0.hasPrefix("/") && !$0.hasSuffix("/") }) else {
            return refuse(
                connection, "at most \(DaemonLimits.filesWatchedMax) files can be watched, each by an absolute path",
                hint: "\(paths.count) were given")
        }
        watch(paths) { [weak self] refusal in
            guard let self else { return }
            if let refusal {
                return refuse(connection, "a file's folder cannot be watched: \(refusal.message)", hint: refusal.hint)
            }
            begin(Subscriber(connection: connection, paths: paths), after: after ?? board.last)
        }
    }

    private func begin(_ subscriber: Subscriber, after: UInt64) {
        let connection = subscriber.connection
        guard !connection.isClosed, !isStopping else { return unwatch(subscriber.paths) }
        guard subscribers.count < DaemonLimits.subscribersMax else {
            unwatch(subscriber.paths)
            return refuse(
                connection, "\(subscribers.count) processes are told of events, subscribersMax is \(DaemonLimits.subscribersMax)",
                hint: "end one of them")
        }
        if subscribers.isEmpty { toldHandles = handleCounts() }
        let (lost, missed) = board.since(after)
        if let before = subscribers[connection.number] { unwatch(before.paths) }
        subscribers[connection.number] = subscriber
        connection.listen { [weak self] reason in
            self?.errorPayload(RemoteError("BinddUnavailable", "this process \(reason)")) ?? []
        }
        connection.send(
            operation: Operation.control, flags: .reply,
            payload: answerPayload(
                .object([
                    ("schema", .int(1)), ("daemon", .string(boardName)), ("last", .uint(board.last)), ("lost", .uint(lost)),
                    ("after", .uint(board.last - UInt64(missed.count))),
                ])),
            closing: false)
        for text in missed where !connection.isClosed {
            connection.send(operation: Operation.control, flags: .reply, payload: answerPayload(text: text), closing: false)
        }
        subscriber.backlogBytes = connection.unsentBytes
    }

    func forgetSubscriber(_ connection: Connection) {
        if let subscriber = subscribers.removeValue(forKey: connection.number) { unwatch(subscriber.paths) }
    }

    /// One table for all who listen: a file that many want to hear of changes once.
    private func watch(_ paths: [String], onAdded: @escaping (FileWatcher.Refusal?) -> Void) {
        guard !paths.isEmpty else { return onAdded(nil) }
        do throws(SystemError) {
            let watcher: FileWatcher
            if let files { watcher = files } else {
                watcher = try FileWatcher(loop: loop) { [weak self] news in self?.tell(news) } onIdle: { [weak self] in self?.endWatching() }
                files = watcher
            }
            watcher.add(paths, onAdded: onAdded)
        } catch {
            onAdded(FileWatcher.Refusal(message: "\(error)", hint: "the system has no room for it (fs.inotify)"))
        }
    }

    private func tell(_ news: FileWatcher.News) {
        switch news {
        case .changed(let path, let exists): tell("file_changed", [("path", .string(path)), ("exists", .bool(exists))])
        case .hangs(let folder, let reason):
            logBounded(reason.isEmpty ? "folder_answers" : "folder_hangs", ["path": "\(folder)", "reason": "\(reason)"])
            tell("folder_hangs", [("path", .string(folder)), ("hangs", .bool(!reason.isEmpty)), ("reason", .string(reason))])
        }
    }

    private func unwatch(_ paths: [String]) { files?.remove(paths) }

    private func endWatching() {
        guard files?.isIdle == true else { return }
        files?.close()
        files = nil
    }

    func tellConnected(_ client: ClientRecord) {
        tell(
            "client_connected",
            [
                ("client", .string(client.name)), ("pid", .int(Int64(client.pid))), ("program", .string(client.program)),
                ("workspace", .string(client.workspace)),
            ])
    }

    func tellGone(_ client: ClientRecord, _ reason: String) {
        tell(
            "client_gone",
            [
                ("client", .string(client.name)), ("pid", .int(Int64(client.pid))), ("workspace", .string(client.workspace)),
                ("reason", .string(reason)),
            ])
    }

    func tellReady(_ worker: WorkerProcess) {
        tell(
            worker.isSuccessor ? "worker_restarted" : "worker_started",
            [
                ("pid", .int(Int64(worker.pid))), ("workspace", .string(worker.workspace)),
                ("deaths", .int(Int64(worker.deaths.count))),
            ])
    }

    func tellEnd(of worker: WorkerProcess, _ obituary: Obituary) {
        tell(
            obituary.isExpected ? "worker_ended" : "worker_crashed",
            [
                ("pid", .int(Int64(obituary.pid))), ("workspace", .string(obituary.workspace)),
                ("cause", .string(obituary.cause)), ("operation", .string(obituary.operationName)),
                ("request", .uint(obituary.request)), ("client", .string(obituary.client)),
                ("reason", .string(worker.endReason ?? "")), ("report", obituary.crash.report.map { .string($0) } ?? .null),
            ])
    }

    /// At each look at growth: clients that hold more or fewer handles than when that was last told.
    func tellHandles() {
        guard !subscribers.isEmpty else { return }
        let now = handleCounts()
        for client in clients.values.sorted(by: { $0.id < $1.id }) {
            let live = now[client.id] ?? 0
            let before = toldHandles[client.id] ?? 0
            guard before != live else { continue }
            tell(
                "handles",
                [("client", .string(client.name)), ("pid", .int(Int64(client.pid))), ("handles", .uint(live)), ("before", .uint(before))])
        }
        toldHandles = now
    }

    private func handleCounts() -> [UInt64: UInt64] { clients.mapValues(\.handleCount) }
}
