// `bindd doctor`: what may be wrong is mostly on the side of Python, so the doctor is `python -m bindd doctor`; this becomes it,
// with the Python beside this program, else the first one on PATH. Must not look at anything itself. Cost: none.

import ArgumentParser
import Glibc

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check the installation, with fixes (python -m bindd doctor).")

    @Argument(
        parsing: .captureForPassthrough, help: "Passed on: -o json, --variables, --help.",
        completion: .list(["-o", "--output", "text", "json", "--variables"]))
    var words: [String] = []

    func run() throws {
        let own = String(CommandLine.arguments[0])
        let beside = own.lastIndex(of: "/").map { String(own[...$0]) + "python" } ?? ""
        let python = access(beside, X_OK) == 0 ? beside : "python3"
        var arguments = ([python, "-m", "bindd", "doctor"] + words).map { strdup($0) }
        arguments.append(nil)
        execvp(python, arguments)
        throw failure("cannot run \(python): \(SystemError.text(errno)); run `python -m bindd doctor` with your Python")
    }
}
