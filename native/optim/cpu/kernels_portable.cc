#define TC_ISA portable
#include "optim/cpu/kernels.inl"
