// A broken invariant of our own ends this worker, and says why.
//
// For: conditions that only a bug in this module can break; `precondition` loses its text in release builds, this does
// not. Must not: be used on what a file or a caller says; that is a SexpError. Cost: one branch; the text is built only
// when the condition is false.

/// Ends the process with `text` when `condition` is false, in every build.
@inline(__always)
func check(
    _ condition: Bool, _ text: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    if _slowPath(!condition) { fatalError(text(), file: file, line: line) }
}
