// `bindd worker`: what the supervisor spawns for each workspace. Not for people.
//
// Here is what every worker does before any of its state exists: it ends with its supervisor, and a reader that went
// away is an error code and no signal.

import ArgumentParser
import CShim
import Glibc

struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Hold one workspace (started by the supervisor).", shouldDisplay: false)

    @Option(help: "Name of the workspace (else it is private).")
    var workspace = ""

    @Option(help: "Process id of the supervisor.")
    var supervisor: Int32

    @Flag(help: "The workspace's journal comes as descriptors 5 and 6.")
    var journal = false

    func run() throws {
        throw ExitCode(
            becomeWorker(workspace: workspace, supervisorPid: supervisor, journal: journal ? [journalFd, journalFd + 1] : []))
    }
}

private let controlFd: Int32 = 3
private let pageFd = WorkerProcess.pageFdInWorker
private let journalFd: Int32 = 5

private func becomeWorker(workspace: String, supervisorPid: Int32, journal: [Int32]) -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)  // a file that may not grow is an error like a full disk
    bd_process_set_name("bindd-worker")
    bd_memory_keep_blocks()
    let followed = bd_process_follow_parent(SIGKILL, supervisorPid)
    guard followed == 0 else {
        writeAll(2, "bindd worker: not started by the supervisor \(supervisorPid): \(SystemError.text(-followed))\n")
        return ExitStatus.failure
    }
    _ = bd_descriptors_close_on_exec(3)
    do {
        return runWorker(
            control: controlFd, page: pageFd, journal: journal, workspace: workspace, memoryLimit: try memoryLimitBytes(),
            wantsCore: wantsCoreFiles())
    } catch {
        writeAll(2, "bindd worker: \(error)\n")
        return ExitStatus.failure
    }
}
