// The two files of a workspace's journal, as descriptors that outlive its workers. A private workspace's files have no
// name: they go with the last process that has them open. A named one's are found again by a supervisor that comes later.
// Must not read or write them: that is the worker's. Cost: two descriptors per workspace.

import CShim
import Glibc

final class JournalFiles {
    let descriptors: [Int32]
    private let paths: [String]

    private init(descriptors: [Int32], paths: [String]) {
        self.descriptors = descriptors
        self.paths = paths
    }

    deinit { for fd in descriptors { close(fd) } }

    /// For a private workspace: in `folder`, or in memory where that cannot be.
    static func unnamed(in folder: StateFolder?) throws(SystemError) -> JournalFiles {
        try make { _ in
            if let folder {
                let fd = bd_file_create_unnamed(folder.path)
                if fd >= 0 { return fd }
            }
            return bd_memory_create("bindd-journal")
        }
    }

    /// For a named workspace: the files that are there, else new ones.
    static func named(_ workspace: String, in folder: StateFolder) throws(SystemError) -> JournalFiles {
        let paths = (0..<2).map { "\(folder.path)/\(fileName(workspace)).\($0)" }
        return try make(paths: paths) { index in
            let fd = bd_file_open(paths[index], O_RDWR | O_CREAT)
            guard fd >= 0 else { return fd }
            // A worker of a supervisor that was killed holds the lock until the system has taken it down.
            for _ in 0..<DaemonLimits.journalLockTries {
                if bd_file_lock(fd) == 0 { return fd }
                usleep(DaemonLimits.journalLockPauseUs)
            }
            close(fd)
            return -EBUSY
        }
    }

    private static func make(paths: [String] = [], _ open: (Int) -> Int32) throws(SystemError) -> JournalFiles {
        var descriptors: [Int32] = []
        for index in 0..<2 {
            let fd = open(index)
            guard fd >= 0 else {
                for fd in descriptors { close(fd) }
                throw SystemError("the journal's files", negative: fd)
            }
            descriptors.append(fd)
        }
        return JournalFiles(descriptors: descriptors, paths: paths)
    }

    /// Letters, digits, - and _ as they are, everything else as %xx.
    private static func fileName(_ workspace: String) -> String {
        var name = ""
        for byte in workspace.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D
                || byte == 0x5F
            name += isPlain ? String(UnicodeScalar(byte)) : "%" + hexText(UInt64(byte), digits: 2)
        }
        return name
    }

    /// The workspace is over: nobody is to find it again.
    func remove() { for path in paths { unlink(path) } }
}
