// Who is let in at the socket.

import CShim
import Glibc
import Testing

@testable import bindd

@Suite struct ListenerTests {
    /// Whoever runs the tests has one user: here the daemon is the one that is somebody else.
    @Test(arguments: [false, true]) func onlyItsOwnerComesIn(isOther: Bool) throws {
        try withFolder { folder in
            let path = try SocketPath(
                option: "\(folder)/s", name: "", uid: getuid(), currentFolder: "/", variable: { _ in nil })
            let loop = try EventLoop()
            var accepted: [Int32] = []
            var trouble: [(String, String)] = []
            let listener = try Listener(
                loop: loop, path: path, uid: getuid() + (isOther ? 1 : 0), onAccept: { fd, _ in accepted.append(fd) },
                onTrouble: { trouble.append(($0, $1)) })
            let link = bd_socket_connect(path.socket, 1000)
            #expect(link >= 0)
            loop.turn()
            loop.turn()
            #expect(accepted.count == (isOther ? 0 : 1))
            #expect(trouble.map(\.0) == (isOther ? ["peer_refused"] : []))
            if isOther {
                #expect(trouble[0].1 == "pid \(getpid()) has uid \(getuid()), this daemon serves uid \(getuid() + 1)")
                var byte: UInt8 = 0
                #expect(bd_stream_receive(link, &byte, 1) <= 0, "it was cut")
            }
            for fd in accepted + [link] { close(fd) }
            listener.close()
            loop.turn()
            try loop.close()
        }
    }
}
