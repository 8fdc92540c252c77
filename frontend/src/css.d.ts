import 'react';

declare module 'react' {
  interface CSSProperties {
    '--peer-color'?: string;
  }
}
