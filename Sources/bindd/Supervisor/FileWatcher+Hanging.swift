// Folders that do not answer: who listens is told that what changes there is not seen, and when it is again; who asks for a file
// in there is refused. Must not wait for them, or ask them again: the look that hangs is the one that tells when they answer.
// Cost: one timer.

extension FileWatcher {
    private static var answerMs: UInt64 { DaemonLimits.folderAnswerMs }

    /// Sees to it that the timer runs while a folder may come to hang.
    func bePatient() {
        guard let patience, !patience.isActive else { return }
        let next = folders.values.filter { !$0.hangs }.map(\.sinceNs).min()
        guard let next else { return }
        let passed = milliseconds(from: next, to: nowNs())
        patience.start(afterMs: FileWatcher.answerMs > passed ? FileWatcher.answerMs - passed : 1)
    }

    func patienceIsOver() {
        let late = folders.filter { !$0.value.hangs && milliseconds(from: $0.value.sinceNs, to: nowNs()) >= FileWatcher.answerMs }
        for folder in late.keys.sorted() {
            folders[folder]?.hangs = true
            tell(.hangs(folder: folder, reason: reason(folder)))
            for number in additions.keys.sorted()
            where additions[number]?.missing.contains(where: { FileLook.folder($0) == folder }) == true {
                finish(number, refusal(folder))
            }
        }
        bePatient()
    }

    /// A folder whose look ended, or of which nothing is wanted any more.
    func answered(_ folder: String) {
        guard let about = folders[folder] else { return }
        folders[folder] = about.waiting.isEmpty && !about.isUnderWay ? nil : Folder(waiting: about.waiting, sinceNs: nowNs())
        if about.hangs { tell(.hangs(folder: folder, reason: "")) }
        bePatient()
    }

    func refusal(_ folder: String) -> Refusal {
        Refusal(
            message: "\(folder) \(reason(folder))",
            hint: folders[folder]?.isUnderWay == true ? "is it on a mount that hangs?" : "its turn comes when one of them answers")
    }

    private func reason(_ folder: String) -> String {
        if folders[folder]?.isUnderWay == true { return "did not answer within \(FileWatcher.answerMs) ms" }
        let others = folders.filter(\.value.isUnderWay).keys.sorted()
        guard let first = others.first else { return "the system has no thread for it" }
        return "has to wait: \(others.count) folders are being looked at, \(first) among them; foldersAtOnce is \(DaemonLimits.foldersAtOnce)"
    }
}
