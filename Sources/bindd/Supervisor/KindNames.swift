// Names of the kinds of handle in reports: the Python class for what clients hold, the noun for what workers hold.

import CLayout

enum KindNames {
    static func proxy(_ kind: Int) -> String { HandleKind.name(UInt32(kind)) }

    static func object(_ kind: Int) -> String {
        switch UInt32(kind) {
        case BD_KIND_NODE: "Node"
        case BD_KIND_EDGE: "Edge"
        default: proxy(kind)
        }
    }
}
