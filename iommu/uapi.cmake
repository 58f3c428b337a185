# SPDX-License-Identifier: GPL-2.0-or-later
# Where linux/iommufd.h and a linux/vfio.h that knows it come from: the
# system's headers, or those of a newer kernel's package beside them. Sets
# MOAT_HAVE_IOMMUFD, and MOAT_UAPI_DIR to an include directory or nothing.
include(CheckCSourceCompiles)

option(MOAT_IOMMUFD "Build the iommufd backend if the headers are there" ON)

set(iommufd_test "
#include <linux/iommufd.h>
#include <linux/vfio.h>
int main(void)
{
	struct iommu_ioas_map map = { .size = sizeof(map) };
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };

	return VFIO_DEVICE_BIND_IOMMUFD + VFIO_DEVICE_ATTACH_IOMMUFD_PT +
	       IOMMU_IOAS_MAP + (int)map.size + (int)bind.argsz;
}
")

set(MOAT_HAVE_IOMMUFD OFF)
set(MOAT_UAPI_DIR "")
if(MOAT_IOMMUFD)
  check_c_source_compiles("${iommufd_test}" MOAT_SYSTEM_HAS_IOMMUFD)
  if(MOAT_SYSTEM_HAS_IOMMUFD)
    set(MOAT_HAVE_IOMMUFD ON)
  else()
    # Debian's linux-headers-VERSION-common. Only these two headers are taken
    # from there, by files that include them: the rest is not made for
    # programs, and older than what the C library was built for.
    set(MOAT_UAPI_SOURCE "" CACHE PATH
      "A kernel's include/uapi with linux/iommufd.h; empty: looked for")
    set(uapi_source "${MOAT_UAPI_SOURCE}")
    file(GLOB uapi_dirs /usr/src/linux-headers-*-common/include/uapi)
    list(SORT uapi_dirs COMPARE NATURAL ORDER DESCENDING)
    foreach(dir ${uapi_dirs})
      if(NOT uapi_source AND EXISTS ${dir}/linux/iommufd.h)
        set(uapi_source ${dir})
      endif()
    endforeach()
    if(uapi_source)
      foreach(header iommufd vfio)
        file(WRITE ${PROJECT_BINARY_DIR}/uapi/linux/${header}.h
          "#define __user /* a mark that installed headers do not have */\n"
          "#include \"${uapi_source}/linux/${header}.h\"\n"
          "#undef __user\n")
      endforeach()
      set(CMAKE_REQUIRED_INCLUDES ${PROJECT_BINARY_DIR}/uapi)
      # Headers that came later deserve another look.
      string(MAKE_C_IDENTIFIER "MOAT_IOMMUFD_IN${uapi_source}" result)
      check_c_source_compiles("${iommufd_test}" ${result})
      unset(CMAKE_REQUIRED_INCLUDES)
      if(${result})
        set(MOAT_HAVE_IOMMUFD ON)
        set(MOAT_UAPI_DIR ${PROJECT_BINARY_DIR}/uapi)
      endif()
    endif()
  endif()
  if(MOAT_HAVE_IOMMUFD AND MOAT_UAPI_DIR)
    message(STATUS "iommufd: headers of ${uapi_source}")
  elseif(MOAT_HAVE_IOMMUFD)
    message(STATUS "iommufd: the system's headers")
  else()
    message(WARNING "Building without the iommufd backend: it needs the "
      "headers of Linux 6.6 or later (linux/iommufd.h). scripts/setup "
      "installs the package that has them (linux-libc-dev, or "
      "linux-headers-VERSION-common); -DMOAT_UAPI_SOURCE=DIR names another "
      "kernel's include/uapi; -DMOAT_IOMMUFD=OFF says that you know.")
  endif()
else()
  message(STATUS "iommufd: not built, as MOAT_IOMMUFD=OFF says")
endif()
