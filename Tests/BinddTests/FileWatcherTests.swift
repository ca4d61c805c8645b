// Watched files where a folder does not answer: what is told, what goes on, and what is left. The look is one that the test holds.

import Glibc
import Testing

@testable import bindd

/// Looks at files; in folders that are held it waits, as in a system call.
private final class HeldLooks: @unchecked Sendable {
    private var mutex = pthread_mutex_t()
    private var condition = pthread_cond_t()
    private var held: Set<String> = []
    private var insideNow = 0
    private var mostAtOnce: [String: Int] = [:]
    private var inside: [String: Int] = [:]

    init() {
        pthread_mutex_init(&mutex, nil)
        pthread_cond_init(&condition, nil)
    }

    func hold(_ folders: [String]) { locked { held.formUnion(folders) } }

    func release(_ folders: [String]) {
        locked {
            held.subtract(folders)
            pthread_cond_broadcast(&condition)
        }
    }

    var waiting: Int { locked { insideNow } }
    /// Looks at files of one folder at the same time.
    var most: Int { locked { mostAtOnce.values.max() ?? 0 } }

    func look(_ path: String, _ inotify: Int32) -> FileLook {
        let folder = FileLook.folder(path)
        locked {
            insideNow += 1
            inside[folder, default: 0] += 1
            mostAtOnce[folder] = max(mostAtOnce[folder] ?? 0, inside[folder] ?? 0)
            while held.contains(folder) { pthread_cond_wait(&condition, &mutex) }
            insideNow -= 1
            inside[folder, default: 0] -= 1
        }
        return FileLook(path, inotify: inotify)
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        return body()
    }
}

/// A watcher, folders `0`, `1`, … with a file `board` in each, and what it told. Its clock stands still until the test moves it.
private final class Place {
    let top: String
    let loop: EventLoop
    let looks = HeldLooks()
    private(set) var news: [FileWatcher.News] = []
    private(set) var idle = 0
    private(set) var watcher: FileWatcher?
    private var now: UInt64 = 1

    init(_ top: String, folders: Int) throws {
        self.top = top
        loop = try EventLoop()
        for each in 0..<folders {
            mkdir(folder(each), 0o700)
            try write(board(each), "1")
        }
        let looks = looks
        watcher = try FileWatcher(
            loop: loop, nowNs: { [weak self] in self?.now ?? 0 }, take: { looks.look($0, $1) },
            tell: { [weak self] in self?.news.append($0) }, onIdle: { [weak self] in self?.idle += 1 })
    }

    func folder(_ each: Int) -> String { "\(top)/\(each)" }
    func board(_ each: Int) -> String { "\(top)/\(each)/board" }

    /// At once: no look sees half of it.
    func write(_ path: String, _ text: String) throws {
        let fd = open("\(top)/new", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard fd >= 0 else { throw SystemError("open", code: errno) }
        writeAll(fd, text)
        close(fd)
        guard rename("\(top)/new", path) == 0 else { throw SystemError("rename", code: errno) }
    }

    /// Turns the loop until something is so; how long that takes is no matter.
    func turn(until isSo: () -> Bool) {
        while !isSo() {
            loop.turn()
            usleep(500)
        }
    }

    func patienceEnds() {
        now += DaemonLimits.folderAnswerMs * 1_000_000
        watcher?.patienceIsOver()
    }

    /// The answer, once it is there.
    func add(_ paths: [String]) -> String {
        var answer: String?
        begin(paths) { answer = $0 }
        turn { answer != nil }
        return answer ?? ""
    }

    func begin(_ paths: [String], _ onAnswer: @escaping (String) -> Void) {
        watcher?.add(paths) { onAnswer($0.map { "\($0.message)\n\($0.hint)" } ?? "added") }
    }

    func changes(_ path: String) -> Int { news.count { $0 == .changed(path: path, exists: true) } }

    func end() throws {
        watcher?.close()
        watcher = nil
        let tick = Timer(loop: loop) {}  // work alone keeps no loop turning
        tick.start(afterMs: 1, repeatMs: 1)
        turn { loop.workUnderWay == 0 }
        tick.close()
        try loop.close()
    }
}

@Suite struct FileWatcherTests {
    private let late = "did not answer within \(DaemonLimits.folderAnswerMs) ms"

    @Test func aFolderThatHangsIsToldAndTheOthersGoOn() throws {
        try withFolder { top in
            let place = try Place(top, folders: 2)
            #expect(place.add([place.board(0), place.board(1)]) == "added")
            place.looks.hold([place.folder(0)])
            try place.write(place.board(0), "22")
            place.turn { place.looks.waiting == 1 }
            #expect(place.news.isEmpty)
            place.patienceEnds()
            place.patienceEnds()
            #expect(place.news == [.hangs(folder: place.folder(0), reason: late)], "told once")
            for round in 1...3 {
                try place.write(place.board(1), "\(round)\(round)")
                place.turn { place.changes(place.board(1)) == round }
            }
            #expect(place.add([place.board(0)]) == "\(place.folder(0)) \(late)\nis it on a mount that hangs?")
            #expect(place.add(["\(place.folder(0))/other", place.board(1)]).contains(late), "one refuses all")
            #expect(place.looks.waiting == 1, "it is not asked again")
            // What happened meanwhile is told when it answers.
            unlink(place.board(0))
            place.looks.release([place.folder(0)])
            place.turn { place.news.count == 6 }
            let gone = FileWatcher.News.changed(path: place.board(0), exists: false)
            #expect(place.news.suffix(2) == [.hangs(folder: place.folder(0), reason: ""), gone])
            #expect(place.add([place.board(0)]) == "added")
            #expect(place.looks.most == 1)
            try place.end()
        }
    }

    @Test func whoAsksForAFileInAFolderThatHangsIsRefused() throws {
        try withFolder { top in
            let place = try Place(top, folders: 2)
            place.looks.hold([place.folder(0)])
            var answers: [String] = []
            for _ in 0..<2 { place.begin([place.board(0), place.board(1)]) { answers.append($0) } }
            place.turn { place.looks.waiting == 1 && place.loop.workUnderWay == 1 }
            #expect(answers.isEmpty)
            place.patienceEnds()
            #expect(answers.count == 2 && answers.allSatisfy { $0.hasPrefix("\(place.folder(0)) \(late)") })
            #expect(place.add([place.board(1)]) == "added")
            place.watcher?.remove([place.board(1)])
            place.turn { place.loop.workUnderWay == 1 }
            #expect(place.idle == 0, "a look is under way")
            place.looks.release([place.folder(0)])
            place.turn { place.idle > 0 }
            #expect(place.watcher?.isIdle == true && place.news.last == .hangs(folder: place.folder(0), reason: ""))
            try place.end()
        }
    }

    /// More folders hang than are looked at side by side: who has to wait is told why, and has its turn.
    @Test func whereAllHangTheOthersAreToldThatTheyWait() throws {
        try withFolder { top in
            let most = DaemonLimits.foldersAtOnce
            let place = try Place(top, folders: most + 1)
            #expect(place.add((0...most).map(place.board)) == "added")
            place.looks.hold((0..<most).map(place.folder))
            for each in 0..<most { try place.write(place.board(each), "22") }
            place.turn { place.looks.waiting == most }
            try place.write(place.board(most), "22")
            place.turn { place.watcher?.folders[place.folder(most)] != nil }
            #expect(place.looks.waiting == most)
            place.patienceEnds()
            #expect(place.news.count == most + 1)
            let first = (0..<most).map(place.folder).min() ?? ""
            let waits = "has to wait: \(most) folders are being looked at, \(first) among them; foldersAtOnce is \(most)"
            #expect(place.news.contains(.hangs(folder: place.folder(most), reason: waits)))
            #expect(place.add([place.board(most)]) == "\(place.folder(most)) \(waits)\nits turn comes when one of them answers")
            place.looks.release([place.folder(3)])
            place.turn { place.changes(place.board(most)) == 1 && place.changes(place.board(3)) == 1 }
            #expect(place.looks.waiting == most - 1)
            place.looks.release((0..<most).map(place.folder))
            place.turn { (0..<most).allSatisfy { place.changes(place.board($0)) == 1 } }
            #expect(place.watcher?.folders.values.contains(where: \.hangs) == false && place.looks.most == 1)
            try place.end()
        }
    }

    @Test func aWatcherThatIsClosedWaitsForNothing() throws {
        try withFolder { top in
            let place = try Place(top, folders: 1)
            place.looks.hold([place.folder(0)])
            var answers = 0
            place.begin([place.board(0)]) { _ in answers += 1 }
            place.turn { place.looks.waiting == 1 }
            place.watcher?.close()
            place.loop.run()
            #expect(place.loop.workUnderWay == 1, "run() does not wait for it")
            #expect(throws: LoopError.self) { try place.loop.close() }
            place.looks.release([place.folder(0)])
            try place.end()
            #expect(answers == 0 && place.news.isEmpty)
        }
    }

    /// More files than one piece of work has, all of one folder.
    @Test func manyFilesOfOneFolder() throws {
        try withFolder { top in
            let place = try Place(top, folders: 1)
            let paths = (0..<DaemonLimits.filesPerTurn * 3 + 4).map { "\(place.folder(0))/\($0)" }
            #expect(place.add(paths) == "added")
            for path in paths { try place.write(path, "1") }
            place.turn { paths.allSatisfy { place.changes($0) > 0 } }
            #expect(place.looks.most == 1)
            place.watcher?.remove(paths)
            place.turn { place.idle > 0 }
            try place.end()
        }
    }
}
