// Where the rooms meet: the supervisor gets the API's hash and its operations' names from here, and knows no more of
// them.

import ArgumentParser
import CLayout
import Glibc
import Wire

/// Raised with each release.
let binddVersion = "0.1.0"

func composedIdentity() -> DaemonIdentity {
    DaemonIdentity(
        version: binddVersion, build: DaemonIdentity.buildId(), layoutVersion: BD_LAYOUT_VERSION,
        descriptionHash: descriptionHash, operationName: operationName)
}

/// The socket that this user's commands and clients mean.
func composedSocketPath(option: String?, identity: DaemonIdentity) throws(ControlError) -> SocketPath {
    do throws(SocketPathError) {
        return try SocketPath(
            option: option, name: identity.socketName, uid: getuid(), currentFolder: currentFolder(),
            variable: environmentVariable)
    } catch {
        throw option == nil ? .failed(error.description) : .usage(error.description)
    }
}

/// What $BINDD_MEMORY_LIMIT says that the graph of one workspace may take. nil: no limit but the address space.
func memoryLimitBytes() throws(ServeError) -> Int? {
    guard let text = environmentVariable("BINDD_MEMORY_LIMIT"), !text.isEmpty else { return nil }
    guard let bytes = Int(text), bytes >= 1 << 20 else {
        throw ServeError(
            message: "BINDD_MEMORY_LIMIT is \"\(text)\", it must be a whole number of bytes, at least 1048576", exitCode: 1)
    }
    return bytes
}

/// $BINDD_CORE=1: workers that crash write core files, as far as the limits of the system allow.
func wantsCoreFiles() -> Bool { !["", "0"].contains(environmentVariable("BINDD_CORE") ?? "") }

enum ExitStatus {
    static let failure: Int32 = 1
    /// No daemon runs (status, stop, inspect), or one runs already (serve).
    static let notRunning: Int32 = 3
    /// Words that the command does not take; as the parser of the command line has it (EX_USAGE).
    static let usage: Int32 = 64
    /// The condition of --fail-if holds.
    static let conditionHolds: Int32 = 4
}

/// Ends the command: "bindd: …" on standard error, and the exit status.
func failure(_ message: String, _ status: Int32 = ExitStatus.failure) -> ExitCode {
    writeAll(2, "bindd: \(message)\n")
    return ExitCode(status)
}

/// … where its words are wrong, whatever there is to look at.
func misuse(_ message: String) -> ExitCode { failure(message, ExitStatus.usage) }
