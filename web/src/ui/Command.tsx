/** A command of the host, selected whole by one click. */
export const Command = ({ children }: { children: string }) => <code className="code block rounded-md border border-line bg-bg px-3 py-2 select-all">{children}</code>;
