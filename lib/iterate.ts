/**
 * @internal The elements of an iterable whose elements are never undefined. It stops after the first that is: the caller
 * refuses it, and copying an array of four billion holes would end the process.
 */
export function elementsOf<T>(iterable: Iterable<T>): T[] {
  const elements: T[] = [];
  for (const element of iterable) {
    elements.push(element);
    if (element === undefined) break;
  }
  return elements;
}
