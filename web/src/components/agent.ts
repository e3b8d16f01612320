/* What a browser calls itself, in two words. Pure; what is not known is shown as it came. */
const browsers: [RegExp, string][] = [[/Edg\/(\d+)/u, "Edge"], [/OPR\/(\d+)/u, "Opera"], [/Firefox\/(\d+)/u, "Firefox"], [/(?:Headless)?Chrom(?:e|ium)\/(\d+)/u, "Chrome"], [/Version\/(\d+).*Safari/u, "Safari"], [/^tradedeck\S*/u, "tradedeck"], [/^(?:curl|python-httpx)\/(\d+)/u, "a program"]];
const systems: [RegExp, string][] = [[/iPhone|iPad/u, "iOS"], [/Android/u, "Android"], [/Windows/u, "Windows"], [/Mac OS X|Macintosh/u, "macOS"], [/Linux|X11/u, "Linux"]];

export function agentWords(agent: string): string {
  if (!agent) return "unknown";
  const browser = browsers.find(([pattern]) => pattern.test(agent));
  const system = systems.find(([pattern]) => pattern.test(agent));
  if (!browser) return agent.slice(0, 40);
  const version = browser[0].exec(agent)?.[1];
  return [browser[1], version, system ? `on ${system[1]}` : ""].filter(Boolean).join(" ");
}
