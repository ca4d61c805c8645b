// `bindd completion SHELL`: the script that completes bindd's commands and flags. Made from their declarations.

import ArgumentParser

struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Print the completion script for a shell.",
        discussion: """
            bash: bindd completion bash > ~/.local/share/bash-completion/completions/bindd
            zsh:  bindd completion zsh > a folder of $fpath, as _bindd
            fish: bindd completion fish > ~/.config/fish/completions/bindd.fish
            """)

    @Argument(help: "bash, zsh or fish.", completion: .list(["bash", "zsh", "fish"]))
    var shell: String

    func run() throws {
        guard let known = CompletionShell(rawValue: shell) else {
            throw misuse("no completion script for \"\(shownText(shell))\"\n  hint: bash, zsh or fish")
        }
        let script = Bindd.completionScript(for: known)
        Output.write(script.hasSuffix("\n") ? script : script + "\n")
    }
}
