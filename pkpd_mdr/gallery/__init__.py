"""Published models, one file each: citation, parameters with units, and the result that tests reproduce."""

from pkpd_mdr.gallery.bozic2013 import Lesion, bozic2013
from pkpd_mdr.gallery.greene2019 import greene2019
from pkpd_mdr.gallery.kuznetsov1994 import kuznetsov1994
from pkpd_mdr.gallery.strobl2021 import strobl2021

__all__ = ["Lesion", "bozic2013", "greene2019", "kuznetsov1994", "strobl2021"]
