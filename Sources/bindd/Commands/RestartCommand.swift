// `bindd restart`: stop, then serve in the background. Clients lose their workspaces: their next use opens fresh ones.

import ArgumentParser

struct RestartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stop the daemon, if one runs, and start it again in the background.",
        discussion: "Handles of its clients are lost; the next use in each of them opens a fresh workspace.")

    @OptionGroup var place: SocketOption

    func run() throws {
        do {
            let path = try composedSocketPath(option: place.socket, identity: composedIdentity())
            do { try stopDaemon(path) } catch ControlError.notRunning {}
            try serveDetached(
                ServeOptions(path: path, readyFd: -1, idleExitSeconds: try idleExitSeconds(nil), isVerbose: false))
            Output.write("started (pid \(DaemonLock.pid(path: path.lock)))\n")
        } catch let error as ServeError {
            throw failure(error.message, error.exitCode)
        } catch let error as ExitCode {
            throw error
        } catch {
            throw commandFailure(error)
        }
    }
}
