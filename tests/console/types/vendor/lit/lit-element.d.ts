// What the vendored files export, with the types of the npm package of the same version.
import { LitElement as Lit, html, svg } from "lit";

/** In screens, `static properties` names what Lit makes properties of. The checker cannot read that: what is given no value by an assignment of its own is `any`. */
export declare class LitElement extends Lit {
  [property: string]: any;
  /** Elements of the console draw themselves into the page's own tree. */
  protected createRenderRoot(): any;
  render(): unknown;
}
/** In Lit's own types a symbol, which nothing else could stand beside in a conditional expression. */
export declare const nothing: any;
export { html, svg };
