export interface Language {
  /** Monaco's id. */
  id: string;
  name: string;
  extensions: readonly string[];
}

export const PLAIN: Language = { id: 'plaintext', name: 'Plain text', extensions: ['txt', 'text', 'log'] };

const language = (id: string, name: string, extensions: string): Language => ({ id, name, extensions: extensions.split(' ') });

/** The languages of documents, by name. Downloads get the first extension. */
export const LANGUAGES: readonly Language[] = [
  language('bat', 'Batch', 'bat cmd'),
  language('c', 'C', 'c h'),
  language('csharp', 'C#', 'cs csx'),
  language('cpp', 'C++', 'cpp cc cxx hpp hh hxx'),
  language('clojure', 'Clojure', 'clj cljs cljc edn'),
  language('coffeescript', 'CoffeeScript', 'coffee'),
  language('css', 'CSS', 'css'),
  language('dart', 'Dart', 'dart'),
  language('dockerfile', 'Dockerfile', 'dockerfile'),
  language('elixir', 'Elixir', 'ex exs'),
  language('fsharp', 'F#', 'fs fsi fsx'),
  language('go', 'Go', 'go'),
  language('graphql', 'GraphQL', 'graphql gql'),
  language('handlebars', 'Handlebars', 'hbs handlebars'),
  language('hcl', 'Terraform', 'tf tfvars hcl'),
  language('html', 'HTML', 'html htm xhtml'),
  language('ini', 'INI', 'ini properties conf toml editorconfig'),
  language('java', 'Java', 'java'),
  language('javascript', 'JavaScript', 'js jsx mjs cjs'),
  language('json', 'JSON', 'json jsonc webmanifest'),
  language('julia', 'Julia', 'jl'),
  language('kotlin', 'Kotlin', 'kt kts'),
  language('less', 'Less', 'less'),
  language('lua', 'Lua', 'lua'),
  language('markdown', 'Markdown', 'md markdown'),
  language('mdx', 'MDX', 'mdx'),
  language('mysql', 'MySQL', 'mysql'),
  language('objective-c', 'Objective-C', 'm'),
  language('pascal', 'Pascal', 'pas pp'),
  language('perl', 'Perl', 'pl pm'),
  language('php', 'PHP', 'php phtml'),
  PLAIN,
  language('pgsql', 'PostgreSQL', 'pgsql'),
  language('powershell', 'PowerShell', 'ps1 psm1 psd1'),
  language('proto', 'Protocol Buffers', 'proto'),
  language('pug', 'Pug', 'pug jade'),
  language('python', 'Python', 'py pyw pyi'),
  language('r', 'R', 'r rmd'),
  language('restructuredtext', 'reStructuredText', 'rst'),
  language('ruby', 'Ruby', 'rb gemspec rakefile gemfile'),
  language('rust', 'Rust', 'rs'),
  language('scss', 'Sass', 'scss'),
  language('scala', 'Scala', 'scala sc sbt'),
  language('scheme', 'Scheme', 'scm ss rkt'),
  language('shell', 'Shell', 'sh bash zsh'),
  language('sol', 'Solidity', 'sol'),
  language('sql', 'SQL', 'sql'),
  language('swift', 'Swift', 'swift'),
  language('systemverilog', 'SystemVerilog', 'sv svh'),
  language('tcl', 'Tcl', 'tcl'),
  language('twig', 'Twig', 'twig'),
  language('typescript', 'TypeScript', 'ts tsx cts mts'),
  language('vb', 'Visual Basic', 'vb'),
  language('wgsl', 'WGSL', 'wgsl'),
  language('xml', 'XML', 'xml xsd svg xsl xslt csproj plist'),
  language('yaml', 'YAML', 'yaml yml'),
];

export function languageById(id: string): Language {
  return LANGUAGES.find((candidate) => candidate.id === id) ?? { id, name: id || PLAIN.name, extensions: ['txt'] };
}

/** The language of a file name; plain text if unknown. */
export function languageOfFile(name: string): Language {
  const extension = (name.split('.').at(-1) ?? '').toLowerCase();
  return LANGUAGES.find((candidate) => candidate.extensions.includes(extension)) ?? PLAIN;
}

/** The file name of a download: the title, with an extension if it has none. */
export function fileName(title: string, languageId: string): string {
  const safe = title.replace(/[\\/:*?"<>|]+/g, '-').trim() || 'document';
  return /\.[\w-]+$/.test(safe) ? safe : `${safe}.${languageById(languageId).extensions[0] ?? 'txt'}`;
}
