// Workspaces across the deaths of their workers: what is kept, who may go on with it, and when enough is enough.

import CShim
import Glibc
import Logging
import Wire

extension Supervisor {
    /// Says of a refusal that connecting again in a moment is worth it.
    var passing: Attribute { Attribute(key: "passing", value: .bool(true)) }

    /// A worker for a hello that no living one is for: of a new workspace, or of one that lost its worker.
    func makeWorker(_ hello: Hello) throws(HelloRefusal) -> WorkerProcess {
        let nowNs = loop.nowNs
        let at = lostWorkspaces.firstIndex { lost in
            hello.workspace.isEmpty
                ? hello.isResume && lost.clients[hello.session] != nil : lost.workspace == hello.workspace
        }
        if let at {
            guard !lostWorkspaces[at].deaths.isHopeless(nowNs: nowNs) else {
                throw .answer(hopeless(lostWorkspaces[at].deaths))
            }
            return successor(of: lostWorkspaces.remove(at: at))
        }
        guard !hello.isResume || !hello.workspace.isEmpty else {
            throw .answer(
                RemoteError(
                    "BinddUnavailable", "this daemon does not know the private workspace that is to go on",
                    hint: "the daemon that held it is gone; its handles are lost, new ones work"))
        }
        return WorkerProcess(
            loop: loop, number: uniqueNumber(), workspace: hello.workspace, journal: try newJournal(hello.workspace))
    }

    private func successor(of lost: LostWorkspace) -> WorkerProcess {
        log.info("worker_restarting", metadata: ["workspace": "\(lost.workspace)", "deaths": "\(lost.deaths.count)"])
        return WorkerProcess(
            loop: loop, number: uniqueNumber(), workspace: lost.workspace, journal: lost.journal, deaths: lost.deaths,
            resumable: lost.clients)
    }

    private func hopeless(_ deaths: Deaths) -> RemoteError {
        RemoteError(
            deaths.isLastOfMemory ? "MemoryLimit" : "BinddUnavailable",
            "the worker of the workspace died \(DaemonLimits.fruitlessDeathsMax) times in a row without having done "
                + "anything new, last of \(deaths.lastWords): it is not started again for now",
            hint: deaths.isLastOfMemory
                ? "give the daemon more memory (`ulimit -v`, the control group) and start it anew; `bindd crash list` shows the reports"
                : "`bindd crash list` shows the reports; connect anew for an empty workspace",
            fields: deaths.lastReport.map { [Attribute(key: "report", value: .string($0))] } ?? [])
    }

    /// After the death of a worker that was still applying the journal, or that had not taken these clients yet: the next one
    /// is tried at once, as long as there is hope. Those that it is not tried for, and what they are to hear.
    func goOn(with orphans: [Handover], after worker: WorkerProcess, _ obituary: Obituary) -> (without: [Handover], RemoteError) {
        let sudden = RemoteError(
            "BinddUnavailable",
            "the worker (pid \(obituary.pid)) ended before it took the connection: \(obituary.cause)"
                + (obituary.stderrTail.isEmpty ? "" : "\n" + obituary.stderrTail),
            hint: "connect again; the daemon's log is \(options.path.log)",
            fields: [Attribute(key: "pid", value: .int(Int64(obituary.pid)))] + (isStopping ? [passing] : []))
        guard !orphans.isEmpty, !isStopping, let journal = worker.journal,
            let at = lostWorkspaces.firstIndex(where: { $0.journal === journal })
        else { return (orphans, sudden) }
        let lost = lostWorkspaces[at]
        guard !lost.deaths.isHopeless(nowNs: loop.nowNs) else {
            if lost.workspace.isEmpty { lostWorkspaces.remove(at: at) }  // nobody can ask for it any more
            return (orphans, hopeless(lost.deaths))
        }
        lostWorkspaces.remove(at: at)
        let next = successor(of: lost)
        install(next)
        for orphan in orphans {
            clients[orphan.client.id] = orphan.client
            next.add(orphan)
        }
        return ([], sudden)
    }

    /// Nil: there is none to be had, and the workspace lives without. A journal that exists and is another's is no reason for
    /// an empty workspace of that name.
    private func newJournal(_ workspace: String) throws(HelloRefusal) -> JournalFiles? {
        do throws(SystemError) {
            guard !workspace.isEmpty, let state = options.state else { return try .unnamed(in: options.state) }
            let folder: StateFolder
            do throws(SocketPathError) {
                folder = try state.inner("workspaces", uid: options.uid).inner(socketDigest, uid: options.uid)
            } catch {
                log.warning("journal_unnamed", metadata: ["workspace": "\(workspace)", "detail": "\(error.message)"])
                return try .unnamed(in: state)
            }
            return try .named(workspace, in: folder)
        } catch {
            log.error("no_journal", metadata: ["workspace": "\(workspace)", "detail": "\(error)"])
            guard error.code == EBUSY else { return nil }
            throw .answer(
                RemoteError(
                    "BinddUnavailable", "the journal of workspace \"\(workspace)\" is held by another process, a worker that is ending",
                    hint: "connect again", fields: [passing]))
        }
    }

    /// Daemons of different sockets have workspaces of the same name.
    private var socketDigest: String {
        let path = Array(options.path.socket.utf8)
        return hexText(path.withUnsafeBytes { bd_checksum(0, $0.baseAddress, $0.count) }, digits: 16)
    }

    /// After the end of a worker: its workspace can go on, or it is over.
    func keepWorkspace(of worker: WorkerProcess, _ obituary: Obituary) {
        guard let journal = worker.journal else { return }
        guard !obituary.isTheEnd else { return journal.remove() }
        var deaths = worker.deaths
        // The guilty request does not count; whatever was replayed is not counted by the worker.
        deaths.add(obituary, hadProgress: worker.pageSnapshot().applied_requests > 0, nowNs: loop.nowNs)
        var clients = worker.resumable
        for client in worker.clients.values { clients[client.session] = client.process }
        lostWorkspaces.append(LostWorkspace(workspace: worker.workspace, journal: journal, clients: clients, deaths: deaths))
        if lostWorkspaces.count > DaemonLimits.lostWorkspacesMax, let oldest = lostWorkspaces.firstIndex(where: \.workspace.isEmpty) {
            lostWorkspaces.remove(at: oldest)
        }
    }

    func forgetUnwanted() {
        let count = lostWorkspaces.count
        lostWorkspaces.removeAll { !$0.isWanted }
        if lostWorkspaces.count != count { restartIdleTimer() }
    }
}
