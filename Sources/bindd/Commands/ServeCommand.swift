// `bindd serve`: the daemon in the foreground, or detached.

import ArgumentParser
import Glibc

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the daemon (clients start it by themselves).",
        discussion: "Exits with status 3 when a daemon already serves the socket.")

    @Option(help: "Path of the socket (else $BINDD_SOCKET, $XDG_RUNTIME_DIR/bindd, /tmp/bindd-<uid>).")
    var socket: String?

    @Flag(help: "Go to the background; return once the daemon accepts connections.")
    var detach = false

    @Option(help: ArgumentHelp("Descriptor that gets one byte once the daemon accepts connections.", valueName: "fd"))
    var readyFd: Int32 = -1

    @Option(
        help: ArgumentHelp(
            "Exit after so long without clients and named workspaces; 0: never (default $BINDD_IDLE_EXIT or 30).",
            valueName: "seconds"))
    var idleExit: UInt64?

    @Flag(name: .shortAndLong, help: "Log more.")
    var verbose = false

    func run() throws {
        let identity = composedIdentity()
        do {
            _ = try memoryLimitBytes()  // the workers read it; a wrong one is told here
            let path = try composedSocketPath(option: socket, identity: identity)
            let options = ServeOptions(
                path: path, readyFd: readyFd, idleExitSeconds: try idleExitSeconds(idleExit), isVerbose: verbose,
                wantsCore: wantsCoreFiles())
            if detach {
                try serveDetached(options)
            } else {
                try serve(options, identity: identity)
            }
        } catch let error as ServeError {
            throw failure(error.message, error.exitCode)
        } catch let error as ExitCode {
            throw error
        } catch {
            throw commandFailure(error)
        }
    }
}

func idleExitSeconds(_ option: UInt64?) throws -> UInt64 {
    let secondsMax: UInt64 = 366 * 86_400
    if let option { return min(option, secondsMax) }
    guard let text = environmentVariable("BINDD_IDLE_EXIT"), !text.isEmpty else {
        return DaemonLimits.idleExitSecondsDefault
    }
    guard let seconds = UInt64(text) else {
        throw ServeError(
            message: "BINDD_IDLE_EXIT is \"\(text)\", it must be a whole number of seconds (0: never)", exitCode: 1)
    }
    return min(seconds, secondsMax)
}
