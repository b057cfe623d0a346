/* SPDX-License-Identifier: MIT */
/* Arguments without a life of their own (plain.h). */
#include "plain.h"

PyObject *ng_py_plain_host(PyObject *host)
{
	PyObject *encoded;

	if (PyByteArray_Check(host))
		return PyBytes_FromStringAndSize(PyByteArray_AS_STRING(host), PyByteArray_GET_SIZE(host));
	if (!PyUnicode_Check(host) || PyUnicode_IS_ASCII(host)) {
		Py_INCREF(host);
		return host;
	}
	encoded = PyUnicode_AsEncodedString(host, "idna", NULL);
	if (encoded && !PyBytes_Check(encoded)) {
		Py_CLEAR(encoded);
		PyErr_SetString(PyExc_TypeError, "the codec for host names made no bytes of one");
	}
	return encoded;
}

/* An int can be read in one way, one of a subclass too: C reads its digits. */
static PyObject *plain_number(PyObject *number)
{
	if (!PyLong_Check(number) && PyIndex_Check(number))
		return PyNumber_Index(number);
	Py_INCREF(number);
	return number;
}

static bool is_plain(PyObject *address)
{
	PyObject *host = PyTuple_GET_ITEM(address, 0);

	if (PyByteArray_Check(host) || (PyUnicode_Check(host) && !PyUnicode_IS_ASCII(host)))
		return false;
	for (Py_ssize_t i = 1; i < PyTuple_GET_SIZE(address); i++)
		if (!PyLong_Check(PyTuple_GET_ITEM(address, i)))
			return false;
	return true;
}

PyObject *ng_py_plain_address(PyObject *address)
{
	PyObject *plain;

	if (!PyTuple_Check(address) || PyTuple_GET_SIZE(address) == 0 || is_plain(address)) {
		Py_INCREF(address);
		return address;
	}
	plain = PyTuple_New(PyTuple_GET_SIZE(address));
	for (Py_ssize_t i = 0; plain && i < PyTuple_GET_SIZE(address); i++) {
		PyObject *item = PyTuple_GET_ITEM(address, i), *one = i ? plain_number(item) : ng_py_plain_host(item);

		if (one)
			PyTuple_SET_ITEM(plain, i, one);
		else
			Py_CLEAR(plain);
	}
	return plain;
}
