// `bindd crash-report`: what the supervisor spawns after a death to write the report. Not for people.
// Descriptor 3 is the dead worker's page, 4 the facts as JSON, 5 and 6 the files of its journal, where there are any.

import ArgumentParser
import CShim
import Glibc

struct CrashReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash-report", abstract: "Write the report of a death (started by the supervisor).",
        shouldDisplay: false)

    private static let pageFd: Int32 = 3
    private static let factsFd: Int32 = 4
    private static let journalFds: [Int32] = [5, 6]
    private static let factsBytesMax = 1 << 20

    @Argument(help: "The report's folder.")
    var folder: String

    func run() throws {
        umask(0o077)
        bd_process_set_name("bindd-report")
        do {
            let report = CrashReport(
                folder: folder, page: CrashReportCommand.pageFd, facts: try JSONReader.read(facts()),
                journal: JournalCopy(descriptors: CrashReportCommand.journalFds))
            try report.write()
        } catch {
            throw failure("the report of a crash could not be written: \(error)")
        }
        let parts = folder.split(separator: "/").dropLast()
        CrashFolder(path: "/" + parts.joined(separator: "/")).tidy()
    }

    private func facts() -> String {
        var bytes = [UInt8](repeating: 0, count: CrashReportCommand.factsBytesMax)
        let count = pread(CrashReportCommand.factsFd, &bytes, bytes.count, 0)
        return String(decoding: bytes[..<max(count, 0)], as: UTF8.self)
    }
}
