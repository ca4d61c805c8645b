// Control commands: questions to the supervisor, answered with one JSON object. They work whatever the workers do.
// Must not wait: what needs time is noted (ObituaryWaiter, HandleInspection) and answered when it or its deadline comes.

import Glibc
import Wire

/// Somebody asked how a worker ended that has not ended yet.
final class ObituaryWaiter {
    let pid: Int64
    let connection: Connection
    let deadline: Timer

    init(pid: Int64, connection: Connection, deadline: Timer) {
        self.pid = pid
        self.connection = connection
        self.deadline = deadline
    }
}

/// Workers were asked about a handle.
final class HandleInspection {
    let connection: Connection
    let deadline: Timer
    var asked: Set<UInt64>  // workers that have not answered
    let passedOver: Set<UInt64>  // workers that cannot answer: nobody waits for them
    var found: [JSONValue] = []

    init(connection: Connection, deadline: Timer, asked: Set<UInt64>, passedOver: Set<UInt64>) {
        self.connection = connection
        self.deadline = deadline
        self.asked = asked
        self.passedOver = passedOver
    }
}

extension Supervisor {
    func control(_ connection: Connection, _ payload: [UInt8]) {
        let command: String
        let arguments: [String: Literal]
        do throws(WireError) {
            var reader = PayloadReader(payload)
            command = try reader.string()
            arguments = Dictionary(try reader.attributes().map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
            try reader.finish()
        } catch {
            connection.close(reason: "control request: \(error)")
            return
        }
        log.debug("control", metadata: ["command": "\(command.prefix(64))", "pid": "\(connection.peerPid)"])
        switch command {
        case "status": answer(connection, statusJSON())
        case "stop":
            stopRequests.append(connection)
            stop(reason: "asked by pid \(connection.peerPid)")
        case "trace": answer(connection, traceJSON())
        case "subscribe": subscribe(connection, arguments)
        case "inspect": inspect(connection, arguments["id"])
        case "obituary": withPid(connection, arguments) { obituary(connection, pid: $0) }
        case "kill":
            withPid(connection, arguments) { pid in
                if let worker = workers.values.first(where: { Int64($0.pid) == pid }) {
                    worker.kill(reason: killReason(arguments["reason"], connection), isOrdered: true)
                }
                obituary(connection, pid: pid)
            }
        default:
            refuse(
                connection, "unknown control command \"\(command.prefix(64))\"",
                hint: "this daemon (\(identity.version)) knows status, stop, inspect, trace, subscribe, obituary, kill")
        }
    }

    func answer(_ connection: Connection, _ json: JSONValue, closing: Bool = false) {
        connection.send(operation: Operation.control, flags: .reply, payload: answerPayload(json), closing: closing)
        if !closing { connection.resume() }
    }

    func answerPayload(_ json: JSONValue) -> [UInt8] { answerPayload(text: json.text) }

    func answerPayload(text: String) -> [UInt8] {
        var writer = PayloadWriter(reserving: 1024)
        ReplyHead().encode(into: &writer)
        writer.string(text)
        return writer.bytes
    }

    func refuse(_ connection: Connection, _ message: String, hint: String) {
        connection.send(
            operation: Operation.control, flags: [.reply, .error],
            payload: errorPayload(RemoteError("ValueError", message, hint: hint)), closing: false)
        connection.resume()
    }

    private func withPid(_ connection: Connection, _ arguments: [String: Literal], _ body: (Int64) -> Void) {
        guard case .int(let pid) = arguments["pid"], pid > 0 else {
            refuse(connection, "the command needs an argument pid (int)", hint: "pid is the worker's, from the hello")
            return
        }
        body(pid)
    }

    private func killReason(_ literal: Literal?, _ connection: Connection) -> String {
        let words = if case .string(let text) = literal { String(text.prefix(200)) } else { "no reason given" }
        return "killed for pid \(connection.peerPid): \(words)"
    }

    // -- obituaries

    private func obituary(_ connection: Connection, pid: Int64) {
        let isAlive = workers.values.contains { Int64($0.pid) == pid }
        guard isAlive, waiters.count < DaemonLimits.waitersMax else {
            answer(connection, obituaries.find(pid: pid)?.json ?? Obituary.unknownJSON(pid: pid))
            return
        }
        let number = uniqueNumber()
        let deadline = Timer(loop: loop) { [weak self] in self?.waiterExpired(number) }
        waiters[number] = ObituaryWaiter(pid: pid, connection: connection, deadline: deadline)
        deadline.start(afterMs: DaemonLimits.obituaryWaitMs)
    }

    private func waiterExpired(_ number: UInt64) {
        guard let waiter = waiters.removeValue(forKey: number) else { return }
        waiter.deadline.close()
        answer(waiter.connection, Obituary.unknownJSON(pid: waiter.pid))
    }

    func answerWaiters(_ obituary: Obituary) {
        for (number, waiter) in waiters where waiter.pid == Int64(obituary.pid) {
            waiters[number] = nil
            waiter.deadline.close()
            answer(waiter.connection, obituary.json)
        }
    }

    // -- inspection of one handle

    private func inspect(_ connection: Connection, _ id: Literal?) {
        guard let id else { return answer(connection, inspectionJSON(found: nil)) }
        guard case .int(let number) = id else {
            return refuse(connection, "the argument id is an int", hint: "it is what __zig_address__() returns")
        }
        guard inspections.count < DaemonLimits.waitersMax else {
            return refuse(connection, "too many inspections at once", hint: "try again")
        }
        let token = uniqueNumber()
        let question = ControlChannel.inspectHandle(token: token, id: UInt64(bitPattern: number))
        let stuck = workersThatCannotAnswer()
        let asked = Set(workers.values.filter { !stuck.contains($0.number) && $0.ask(question) }.map(\.number))
        let deadline = Timer(loop: loop) { [weak self] in self?.finishInspection(token) }
        inspections[token] = HandleInspection(
            connection: connection, deadline: deadline, asked: asked, passedOver: stuck)
        deadline.start(afterMs: asked.isEmpty ? 0 : DaemonLimits.handleInfoWaitMs)
    }

    func handleInfo(_ worker: WorkerProcess, _ token: UInt64, _ json: String) {
        guard let inspection = inspections[token], inspection.asked.remove(worker.number) != nil else { return }
        do throws(JSONError) {
            let value = try JSONReader.read(json)
            if value != .null { inspection.found.append(value) }
        } catch {
            log.error(
                "worker_datagram_broken", metadata: ["pid": "\(worker.pid)", "detail": "handle info: \(error)"])
        }
        if inspection.asked.isEmpty { finishInspection(token) }
    }

    func forgetInspections(of worker: WorkerProcess) {
        for (token, inspection) in inspections where inspection.asked.remove(worker.number) != nil {
            if inspection.asked.isEmpty { finishInspection(token) }
        }
    }

    private func finishInspection(_ token: UInt64) {
        guard let inspection = inspections.removeValue(forKey: token) else { return }
        inspection.deadline.close()
        let silent = workers.values.filter {
            inspection.asked.contains($0.number) || inspection.passedOver.contains($0.number)
        }.map(\.pid).sorted()
        answer(inspection.connection, inspectionJSON(found: inspection.found, unanswered: silent))
    }

    /// A connection that closed waits for nothing any more.
    func forgetWaiters(of connection: Connection) {
        for (number, waiter) in waiters where waiter.connection === connection {
            waiters[number] = nil
            waiter.deadline.close()
        }
        for (token, inspection) in inspections where inspection.connection === connection {
            inspections[token] = nil
            inspection.deadline.close()
        }
        stopRequests.removeAll { $0 === connection }
        forgetSubscriber(connection)
    }
}
