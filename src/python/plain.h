/* SPDX-License-Identifier: MIT */
/*
 * Arguments without a life of their own. The interpreter reads an address once, the hook once more; a port with an
 * __index__, a bytearray, a codec for host names can answer differently each time, so that one address is judged and
 * another is used. Doors therefore make of what they were given what can be read in one way only, and pass that on.
 */
#ifndef NG_PYTHON_PLAIN_H
#define NG_PYTHON_PLAIN_H

#include "blackbox.h"

/* A host as ASCII str or bytes; what is none is returned as it came. A new reference; NULL with the exception of what
 * was asked: the idna codec's. */
PyObject *ng_py_plain_host(PyObject *host);
/* An address tuple of plain host and ints: the same if it is one. What is no tuple, and elements that are no numbers,
 * are left for the interpreter to refuse. A new reference, or NULL with an exception. */
PyObject *ng_py_plain_address(PyObject *address);

#endif
