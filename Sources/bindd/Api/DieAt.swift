// `debug.die_at`: the worker of this workspace dies when the next request of a given operation comes, before it is applied
// or after it was and before its reply, or at one of its system calls. So a test kills any operation, without a button of its
// own in each.
// Not recorded in the journal: the worker that takes over is not armed. Cost: one load per request where nothing is armed.

import CShim
import Glibc
import Wire

/// What the worker does when the request comes.
struct PlannedDeath {
    enum How {
        case death(Death)
        /// Stopped: somebody else kills it, or the client's hang limit does.
        case stop
        /// Half a reply, then SIGKILL.
        case half
        /// It loops and never answers.
        case mute
    }

    let operation: UInt16
    let how: How
    let isAfter: Bool
    /// Before the system call with this number, from 1, of an operation that counts them.
    let step: Int?

    static let hows = Death.allCases.map(\.rawValue) + ["STOP", "HALF", "MUTE"]

    init(operation: String, how: String, when: String) throws {
        guard let number = Description.shared.number(of: operation) else {
            throw RemoteError("ValueError", "no such operation: \(operation)", hint: "`bindd describe --json` lists them")
        }
        self.operation = number
        switch how {
        case "STOP": self.how = .stop
        case "HALF": self.how = .half
        case "MUTE": self.how = .mute
        default:
            guard let death = Death(rawValue: how) else {
                let known = PlannedDeath.hows.joined(separator: ", ")
                throw RemoteError("ValueError", "no such way to die: \(how)", hint: "known: \(known)")
            }
            self.how = .death(death)
        }
        step = Int(when)
        guard ["before", "after"].contains(when) || (step ?? 0) > 0 else {
            throw RemoteError("ValueError", "when is before, after, or the number of a system call, not \(when)")
        }
        isAfter = when == "after"
    }

    /// Where this is the request that was meant, the worker does not come back from here.
    func strike(_ operation: UInt16, isAfter: Bool, _ session: Session) {
        if operation == self.operation, isAfter == self.isAfter, step == nil { strike(session) }
    }

    func strike(_ operation: UInt16, step: Int, _ session: Session) {
        if operation == self.operation, step == self.step { strike(session) }
    }

    @inline(never)
    private func strike(_ session: Session) {
        switch how {
        case .death(let death): death.die()
        case .stop:
            kill(getpid(), SIGSTOP)
            while true { pause() }  // who lets it go on must not see it answer
        case .half:
            session.sendHalfAReply()
            Death.KILL.die()
        case .mute: while true { usleep(10_000) }
        }
    }
}

let dieAtFunction = FunctionDeclaration(
    module: "debug",
    method: Method(
        "die_at", .query,
        [
            Parameter("operation", .string, "its name as in `bindd describe --json`: GraphView.create, sexp.parse, sync"),
            Parameter("how", .string, default: "SEGV", "as in debug.crash, or STOP (stopped), HALF (half a reply), MUTE (no reply)"),
            Parameter(
                "when", .string, default: "before",
                "before or after it is applied; after: and before its reply; or a number: of the system call of a save"),
        ],
        errors: ["ValueError"],
        doc: "Makes the worker of this workspace die at the next request of an operation. A new worker is not armed."
    ) { call in
        let operation = try call.arguments.string()
        let how = try call.arguments.string()
        let when = try call.arguments.string()
        call.workspace.plannedDeath = try PlannedDeath(operation: operation, how: how, when: when)
    })
